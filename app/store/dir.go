package store

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// DefaultDir is the data folder when none is given: $ECHOLAB_DATA, else echolab in the user's data folder
// ($XDG_DATA_HOME or ~/.local/share, ~/Library/Application Support on macOS, %LOCALAPPDATA% on Windows).
// The folder need not exist.
func DefaultDir() (string, error) {
	if dir := os.Getenv("ECHOLAB_DATA"); dir != "" {
		return filepath.Abs(dir)
	}
	// The XDG Base Directory Specification: a relative path is to be ignored.
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "echolab"), nil
	}
	if dir := os.Getenv("LOCALAPPDATA"); runtime.GOOS == "windows" && dir != "" {
		return filepath.Join(dir, "echolab"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", errors.New("no home folder to keep data in: set ECHOLAB_DATA, or pass --db PATH or --db :memory:")
	}
	switch runtime.GOOS {
	case "darwin":
		return filepath.Join(home, "Library", "Application Support", "echolab"), nil
	case "windows":
		return filepath.Join(home, "AppData", "Local", "echolab"), nil
	}
	return filepath.Join(home, ".local", "share", "echolab"), nil
}

var (
	plainName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)
	// What Windows keeps for devices, and what a changed name looks like.
	takenName = regexp.MustCompile(`^(con|prn|aux|nul|com[0-9]|lpt[0-9])$|-[0-9a-f]{8}$`)
	unsafe    = regexp.MustCompile(`[^a-z0-9_-]+`)
)

// FileName is the name of an app's file in the data folder: the app id, or, where that is no safe name on every
// system (capitals included: some file systems do not tell them apart), what is left of it and a hash.
func FileName(app string) string {
	if plainName.MatchString(app) && !takenName.MatchString(app) {
		return app + ".sqlite"
	}
	name := strings.Trim(unsafe.ReplaceAllString(strings.ToLower(app), "_"), "_-")
	sum := sha256.Sum256([]byte(app))
	return strings.TrimLeft(name[:min(len(name), 40)]+"-"+hex.EncodeToString(sum[:4]), "-") + ".sqlite"
}
