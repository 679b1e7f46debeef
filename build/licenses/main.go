// Command licenses writes the notices of what others made and the program carries: Go's own, and those of every module
// that is linked into it, on any system, with or without the window. They are served as /licenses.txt; the build of the
// page adds those of its packages (frontend/licenses.ts). A module without a notice is an error: it must not be shipped.
// With -check it writes nothing and fails when the file is not what it would write.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// targets are what is built, as GOOS, CGO_ENABLED and tags.
var targets = [][3]string{
	{"linux", "0", ""},
	{"darwin", "0", ""},
	{"windows", "0", ""},
	{"linux", "1", "desktop,production,webkit2_41"},
	{"darwin", "1", "desktop,production"},
	{"windows", "0", "desktop,production"},
}

func main() {
	out := flag.String("out", "frontend/unbuilt/licenses.txt", "the file")
	check := flag.Bool("check", false, "only tell whether the file is fresh")
	flag.Parse()
	if err := run(*out, *check); err != nil {
		fmt.Fprintln(os.Stderr, "licenses:", err)
		os.Exit(1)
	}
}

func run(out string, check bool) error {
	found, err := modules()
	if err != nil {
		return err
	}
	written, err := text(found)
	if err != nil {
		return err
	}
	if !check {
		return os.WriteFile(out, written, 0o644)
	}
	have, err := os.ReadFile(out)
	if err != nil {
		return err
	}
	if !bytes.Equal(have, written) {
		return fmt.Errorf("%s does not hold the notices of the modules in go.mod; run: go run ./build/licenses", out)
	}
	return nil
}

// modules are the folders of everything that is linked, by path and version.
func modules() (map[string]string, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	found := map[string]string{"The Go programming language": strings.TrimSpace(string(root))}
	for _, target := range targets {
		list := exec.Command("go", "list", "-deps", "-tags", target[2],
			"-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\t{{.Dir}}{{end}}{{end}}", ".")
		list.Env = append(os.Environ(), "GOOS="+target[0], "CGO_ENABLED="+target[1])
		list.Stderr = os.Stderr
		lines, err := list.Output()
		if err != nil {
			return nil, fmt.Errorf("go list for %s: %w", target[0], err)
		}
		for line := range strings.Lines(string(lines)) {
			if name, dir, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
				found[name] = dir
			}
		}
	}
	return found, nil
}

// text is the file.
func text(modules map[string]string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("Echolab contains the following works of others.\n")
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		notices, err := notices(modules[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(&b, "\n%s\n%s\n", strings.Repeat("-", 40), name)
		for _, notice := range notices {
			fmt.Fprintf(&b, "\n%s\n", notice)
		}
	}
	return b.Bytes(), nil
}

var noticeName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice)([.-].*)?$`)

// notices are the texts of the files in a folder that have to come along, in the order of their names.
func notices(dir string) ([]string, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, file := range files {
		if !noticeName.MatchString(file.Name()) || file.IsDir() {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			return nil, err
		}
		if text := strings.TrimSpace(strings.ReplaceAll(string(content), "\r\n", "\n")); text != "" {
			all = append(all, text)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("there is no licence file in %s, and its notice must come along", dir)
	}
	return all, nil
}
