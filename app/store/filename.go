package store

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

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
