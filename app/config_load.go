package app

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"echolab/app/dotenv"
	"echolab/app/store"
)

// loader goes through the sources once and collects every problem, so that a person sees them all at once.
type loader struct {
	src      Sources
	config   Config
	env      dotenv.Values
	file     document
	problems []string
	lost     []string // what Laravel loses in the .env, for when something is missing
}

func (l *loader) problem(format string, args ...any) {
	l.problems = append(l.problems, fmt.Sprintf(format, args...))
}

func (l *loader) warn(format string, args ...any) {
	l.config.Warnings = append(l.config.Warnings, fmt.Sprintf(format, args...))
}

// environ looks into the real environment alone, for what has to be known before the .env is.
func (l *loader) environ(name string) string {
	v, _ := dotenv.Resolve(dotenv.File{}, l.src.Environ).Lookup(name)
	return v.Raw
}

func (l *loader) readConfigFile() {
	name, origin := l.src.Flags["config"], Origin{Flag: "config"}
	if name == "" {
		name, origin = l.environ("ECHOLAB_CONFIG"), Origin{Env: "ECHOLAB_CONFIG"}
	}
	named := name != ""
	if !named {
		name, origin = "echolab.yaml", Origin{}
	}
	l.watch(l.path(name))
	content, err := readFile(l.path(name))
	switch {
	case err != nil && !named && errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(l.path("echolab.yml")); err == nil {
			l.warn("echolab.yml is not read; name it echolab.yaml, or pass --config echolab.yml")
		}
		return
	case err != nil:
		l.problem("%s: %s (%s)", name, fileProblem(err), way(origin, "config"))
		return
	}
	var problems []string
	l.config.ConfigFile = name // of whatever is wrong in it
	l.file, problems = readDocument(name, content)
	l.problems = append(l.problems, problems...)
	l.config.origins["config"] = origin
}

// readFile reads a configuration file of a bearable size. A pipe is none: it would be waited for, without end.
func readFile(path string) ([]byte, error) {
	if err := dotenv.Readable(path); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	content, err := io.ReadAll(io.LimitReader(f, maxConfigFile+1))
	if err == nil && len(content) > maxConfigFile {
		err = fmt.Errorf("it has more than %d MiB, which is all that is read; keep fewer rows in it", maxConfigFile>>20)
	}
	return content, err
}

func (l *loader) readEnvFile() {
	row := settingNamed("env_file")
	name, origin := l.src.Flags["env-file"], Origin{Flag: "env-file"}
	if name == "" {
		name, origin = l.environ(row.Env), Origin{Env: row.Env}
	}
	if v, ok := l.file.values["env_file"]; ok && name == "" && !v.null {
		name, origin = v.text, v.from
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(v.from.File), name) // from that file's folder
		}
	}
	path, named := l.path(name), name != ""
	if !named {
		path, origin = dotenv.Choose(l.src.Dir, l.src.Environ), Origin{}
		name = filepath.Base(path)
	}
	l.watch(path)
	if named {
		// A file that was asked for has to be there; Laravel's own may be missing.
		if _, err := os.Stat(path); err != nil {
			l.problem("%s: %s (%s)", name, fileProblem(err), way(origin, "env-file"))
			return
		}
	}
	values, err := dotenv.Load(path, name, l.src.Environ)
	if err != nil {
		var refused *dotenv.Error
		if errors.As(err, &refused) {
			l.problem("%s", refused.Error())
			return
		}
		l.problem("%s: %s (%s)", name, fileProblem(err), way(origin, "env-file"))
		return
	}
	l.env = values
	for _, w := range values.Warnings {
		l.warn("%s", w)
		l.lost = append(l.lost, fmt.Sprint(w))
	}
	if values.File != "" {
		l.config.EnvFile = name
		l.config.origins["env_file"] = origin
	}
}

// watch notes how a file is before it is read, so that no change is missed.
func (l *loader) watch(path string) {
	l.config.watched = append(l.config.watched, path)
	l.config.stamp += stampOf([]string{path})
}

func (l *loader) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(l.src.Dir, name)
}

// fileProblem is the cause without the path, which the message begins with.
func fileProblem(err error) string {
	var path *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "no such file"
	case errors.Is(err, fs.ErrPermission):
		return "may not be read by this user"
	case errors.As(err, &path):
		return "cannot be read: " + path.Err.Error()
	}
	return "cannot be read: " + err.Error()
}

func way(origin Origin, flag string) string {
	if origin == (Origin{}) {
		return "make it readable, or name another with --" + flag
	}
	return "named by " + origin.String() + "; give the path of a readable file or leave it out"
}

func settingNamed(name string) setting[Config] {
	for _, row := range settings {
		if row.Name == name {
			return row
		}
	}
	panic("no setting " + name)
}

// resolveSettings goes through the table and takes each value from the first source that has it.
func (l *loader) resolveSettings() {
	for _, row := range settings {
		if row.Name == "env_file" || row.Name == "config" {
			continue // read already
		}
		var candidates []value
		if given, ok := l.src.Flags[row.Flag]; ok && row.Flag != "" && given != "" {
			candidates = append(candidates, value{text: given, from: Origin{Flag: row.Flag}})
		}
		candidates = append(candidates, l.lookup(row.Env)...)
		if v, ok := l.file.values[row.Name]; ok {
			candidates = append(candidates, v)
		}
		take(l, row, &l.config, "", candidates)
	}
	l.config.Path = cleanPath(l.config.Path)
}

// take sets the first candidate that counts, or the default.
func take[T any](l *loader, row setting[T], into *T, prefix string, candidates []value) {
	for _, v := range candidates {
		v.secret, v.config = row.secret, &l.config
		if meaning, blank := row.meaning(v); blank {
			if meaning == unset {
				continue
			}
			if meaning == refused {
				l.problem("%s", v.refuse("%s", emptyRule(row.Setting, v)))
				return
			}
		}
		if err := row.as.set(into, v); err != nil {
			l.problem("%s", err)
			return
		}
		l.config.origins[prefix+row.Name] = v.from
		return
	}
	if row.Default == "" || prefix != "" {
		return // zero, or pusher.App.WithDefaults
	}
	standard := value{text: row.Default, word: row.Switch, config: &l.config}
	if err := row.as.set(into, standard); err != nil {
		panic(err) // the table is wrong; TestSettings_DefaultsAreValid
	}
}

func (row setting[T]) meaning(v value) (blank, bool) {
	switch {
	case v.null:
		return row.null, true
	case v.text == "" && !v.isList:
		return row.empty, true
	}
	return kept, false
}

func emptyRule(row Setting, v value) string {
	example := row.Default
	if example == "" {
		example = "a value"
	}
	if v.reverb() {
		return fmt.Sprintf("Laravel passes the empty value on instead of its default; write %s or remove the line", example)
	}
	return fmt.Sprintf("has no value; write %s or remove the line", example)
}

// lookup finds a variable as Laravel's env() gives it, from the real environment or the .env.
func (l *loader) lookup(name string) []value {
	if name == "" {
		return nil
	}
	converted, ok := l.env.Env(name)
	if !ok {
		return nil
	}
	found, _ := l.env.Lookup(name)
	v := value{from: Origin{Env: name, File: found.Place.File, Line: found.Place.Line}}
	switch word := converted.(type) {
	case nil:
		v.null = true
	case bool:
		v.word = true
		v.text = fmt.Sprint(word)
	case string:
		v.text = word
	}
	return []value{v}
}

func cleanPath(path string) string {
	if path = strings.Trim(path, "/"); path == "" {
		return ""
	}
	return "/" + path
}

// DataDir is the folder that databases are kept in: $ECHOLAB_DATA, or $XDG_DATA_HOME/echolab or ~/.local/share/echolab, on macOS
// ~/Library/Application Support/Echolab, on Windows %LocalAppData%\Echolab. It is "" where none of them is known.
func DataDir(environ []string) string {
	env := func(name string) string {
		v, _ := dotenv.Resolve(dotenv.File{}, environ).Lookup(name)
		return v.Raw
	}
	under := func(base string, parts ...string) string {
		if base == "" || !filepath.IsAbs(base) {
			return ""
		}
		return filepath.Join(append([]string{base}, parts...)...)
	}
	if dir := env("ECHOLAB_DATA"); filepath.IsAbs(dir) {
		return dir
	}
	switch runtime.GOOS {
	case "windows":
		return under(env("LOCALAPPDATA"), "Echolab")
	case "darwin":
		return under(env("HOME"), "Library", "Application Support", "Echolab")
	}
	if dir := under(env("XDG_DATA_HOME"), "echolab"); dir != "" {
		return dir
	}
	return under(env("HOME"), ".local", "share", "echolab")
}

// resolveDB makes the path of the database absolute: a path in echolab.yaml starts at that file's folder, one in .env
// at the .env's, any other at the working folder.
func (l *loader) resolveDB() {
	c := &l.config
	if c.DB == ":memory:" {
		return
	}
	if c.DB == "" {
		dir := DataDir(l.src.Environ)
		if dir == "" {
			c.DB = ":memory:"
			l.warn("there is no home folder to keep events in, so they are kept in memory and lost at the end; pass --db PATH")
			return
		}
		c.DB = filepath.Join(dir, store.FileName(c.Apps[0].ID))
		return
	}
	c.DB = l.absolute(c.DB, c.origins["db"])
}

// absolute makes a path whole: one written in a file starts at that file's folder, any other at the working folder.
func (l *loader) absolute(path string, from Origin) string {
	base := l.src.Dir
	if from.File != "" {
		base = filepath.Dir(l.path(from.File))
		if rest, home := strings.CutPrefix(path, "~/"); home {
			base, path = l.environ("HOME"), rest
		}
	}
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(base, path)
}
