package dotenv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Error is a file that Laravel refuses to start with.
type Error struct {
	File         string
	Line, Column int    // both count from 1; the column counts characters
	Name         string // the variable, where one is known
	Message      string // Laravel's own text, which quotes the value
	Hint         string // what to write instead
}

// Error is one line. A value that looks like a secret by its variable's name is left out of it.
func (e *Error) Error() string {
	message := e.Message
	if open := strings.LastIndex(message, " at ["); open >= 0 && e.Name != "" && secretName(e.Name) {
		message = message[:open] + " in " + e.Name + "."
	}
	return oneLine(fmt.Sprintf("%s:%d:%d: %s %s", e.File, e.Line, e.Column, message, e.Hint))
}

// Warning is something that Laravel accepts but changes or loses without saying so.
type Warning struct {
	File         string
	Line, Column int    // both count from 1; the column counts characters
	Name         string // the variable it is about; empty for a comment
	Text         string // one line, never with a value in it
}

func (w Warning) String() string {
	return oneLine(fmt.Sprintf("%s:%d: %s", w.File, w.Line, w.Text))
}

// Place is where a value comes from. The zero Place is the real environment.
type Place struct {
	File         string
	Line, Column int // of the name
}

// Variable is one variable as the parser leaves it, before env() looks at it.
type Variable struct {
	Raw   string
	Place Place
}

// Values is what the application can ask for: the file laid under the real environment.
type Values struct {
	File     string // the file that was read; empty when there was none
	Warnings []Warning
	vars     map[string]Variable
}

// Lookup gives a variable as the parser leaves it: always a string.
func (v Values) Lookup(name string) (Variable, bool) {
	found, ok := v.vars[name]
	return found, ok
}

// Env gives what env(name) gives in Laravel: a string, true, false or nil for the word null. ok is false when the
// variable is not set, which is when env() returns its second argument; a null does not do that.
func (v Values) Env(name string) (value any, ok bool) {
	found, ok := v.vars[name]
	if !ok {
		return nil, false
	}
	return Word(found.Raw), true
}

// Names lists all variables, in no particular order.
func (v Values) Names() []string {
	names := make([]string, 0, len(v.vars))
	for name := range v.vars {
		names = append(names, name)
	}
	return names
}

// Word is the conversion that Laravel's env() makes: the words true, false, null and empty, in any case and with
// or without parentheses, become values; one pair of quotes around anything else is taken off
// (Illuminate/Support/Env.php getOption).
func Word(raw string) any {
	switch strings.ToLower(raw) {
	case "true", "(true)":
		return true
	case "false", "(false)":
		return false
	case "empty", "(empty)":
		return ""
	case "null", "(null)":
		return nil
	}
	if n := len(raw); n >= 2 && (raw[0] == '"' || raw[0] == '\'') && raw[n-1] == raw[0] && !strings.Contains(raw, "\n") {
		return raw[1 : n-1]
	}
	return raw
}

// Choose names the file in dir that Laravel reads: .env, or .env.{APP_ENV} where APP_ENV stands in the real
// environment and that file exists (Illuminate/Foundation/Bootstrap/LoadEnvironmentVariables.php). The file need
// not exist.
func Choose(dir string, environ []string) string {
	plain := filepath.Join(dir, ".env")
	raw, set := environment(environ)["APP_ENV"]
	if !set {
		return plain
	}
	var name string
	switch word := Word(raw).(type) {
	case string:
		name = word
	case bool:
		if word {
			name = "1" // PHP's text for true
		}
	}
	if name == "" || name == "0" {
		return plain
	}
	if info, err := os.Stat(plain + "." + name); err == nil && !info.IsDir() {
		return plain + "." + name
	}
	return plain
}

// Load reads the file at path and lays it under environ ("NAME=value", as os.Environ gives it). shown is the
// file's name in messages. A missing file is no error, as in Laravel: Values.File is then empty. Any other failure
// to read is an error, where Laravel would go on without the file.
func Load(path, shown string, environ []string) (Values, error) {
	content, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Resolve(File{}, environ), nil
	}
	if err != nil {
		return Values{}, err
	}
	file, err := Parse(shown, content)
	if err != nil {
		return Values{}, err
	}
	return Resolve(file, environ), nil
}

// readFile reads a file; a pipe, a socket or a device is none: reading one may never end. os.DevNull is as good as empty.
func readFile(path string) ([]byte, error) {
	if err := Readable(path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// Readable refuses what is there and is no file that ends: a pipe, a socket or a device but os.DevNull. Its error is a
// *fs.PathError. A folder is for the reader to refuse.
func Readable(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case info.Mode().IsRegular() || info.IsDir() || path == os.DevNull:
		return nil
	}
	return &fs.PathError{Op: "read", Path: path, Err: errors.New("it is a pipe, a socket or a device, not a file")}
}

// Resolve lays a parsed file under the real environment and puts in the variables that values refer to. A name
// that the real environment has is never changed, and a reference sees the real environment and the lines above it.
func Resolve(file File, environ []string) Values {
	r := resolver{
		file: file.Name,
		real: environment(environ),
		vars: make(map[string]Variable),
	}
	for name, value := range r.real {
		r.vars[name] = Variable{Raw: value}
	}
	for _, entry := range file.Entries {
		r.add(entry)
	}
	return Values{File: file.Name, Warnings: append(append([]Warning{}, file.Warnings...), r.warnings...), vars: r.vars}
}

func environment(environ []string) map[string]string {
	vars := make(map[string]string, len(environ))
	for _, pair := range environ {
		// Windows keeps names such as "=C:"; they are none of ours.
		if name, value, found := strings.Cut(pair, "="); found && name != "" {
			vars[name] = value
		}
	}
	return vars
}

func secretName(name string) bool {
	upper := strings.ToUpper(name)
	for _, part := range []string{"SECRET", "PASSWORD", "KEY", "TOKEN"} {
		if strings.Contains(upper, part) {
			return true
		}
	}
	return false
}

func oneLine(text string) string {
	return strings.TrimSpace(strings.NewReplacer("\r", " ", "\n", " ").Replace(text))
}
