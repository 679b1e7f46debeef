package app

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"echolab/app/dotenv"
	"echolab/harness"
)

// ScenarioSources is what a scenario is read with.
type ScenarioSources struct {
	Variables map[string]string // -e NAME=value
	Environ   []string
	Dir       string // working folder
}

// ScenarioReport is what was found out about one file without running it.
type ScenarioReport struct {
	File     string            `json:"file"`
	Valid    bool              `json:"valid"`
	Problems []harness.Problem `json:"problems"`
	Hints    []string          `json:"hints"`
	// What it would do; "" and 0 where it is not valid.
	Name      string  `json:"name,omitempty"`
	Plan      string  `json:"plan,omitempty"` // the plan's hash
	Scenarios int     `json:"scenarios,omitempty"`
	Users     int     `json:"users,omitempty"`
	Seconds   float64 `json:"seconds,omitempty"`
}

// maxScenario is how much of a file is looked at; the harness says how much it takes.
const maxScenario = 2 << 20

// ReadScenario reads a scenario by its path, or by preset:NAME. What is wrong with it is an Error with one line for each
// problem, whose cause is *harness.Problems.
func ReadScenario(name string, from ScenarioSources) (*harness.Scenario, error) {
	content, err := readScenarioFile(name, from.Dir)
	if preset, is := strings.CutPrefix(name, "preset:"); is {
		var p harness.Preset
		p, err = harness.PresetNamed(preset)
		content = p.Content
	}
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = errors.New("there is no such file; 'echolab init scenario' writes one to start from")
		}
		problems := &harness.Problems{List: []harness.Problem{{File: name, Text: err.Error()}}}
		return nil, &Error{Code: Invalid, Message: problems.Error(), Err: problems}
	}
	s, err := harness.Parse(name, content, harness.ParseInput{
		Variables: from.Variables, Environ: from.Environ,
		Read: func(path string) ([]byte, error) { return readScenarioFile(path, from.Dir) },
	})
	if err != nil {
		return nil, &Error{Code: Invalid, Message: err.Error(), Err: err}
	}
	return s, nil
}

func readScenarioFile(name, dir string) ([]byte, error) {
	path := filepath.FromSlash(name)
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	err := dotenv.Readable(path)
	var f *os.File
	if err == nil {
		f, err = os.Open(path)
	}
	if err != nil {
		var inner *fs.PathError
		if errors.As(err, &inner) && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("it cannot be read: %w", inner.Err)
		}
		return nil, err
	}
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(f, maxScenario))
	var inner *fs.PathError
	if errors.As(err, &inner) {
		err = fmt.Errorf("it cannot be read: %w", inner.Err)
	}
	return content, err
}

// CheckScenario reads a scenario and says what is wrong with it, or what it would do.
func CheckScenario(name string, from ScenarioSources) ScenarioReport {
	r := ScenarioReport{File: name, Problems: []harness.Problem{}, Hints: []string{}}
	s, err := ReadScenario(name, from)
	if problems, ok := errors.AsType[*harness.Problems](err); ok {
		r.Problems = problems.List
		return r
	}
	plan := harness.NewPlan(s, 0, harness.Segment{})
	r.Valid, r.Hints = true, append(r.Hints, s.Hints...)
	r.Name, r.Plan, r.Scenarios, r.Users, r.Seconds = s.Name, plan.Hash, len(s.Groups), plan.Users(), plan.Length().Seconds()
	return r
}

// ScenarioSchema is the JSON Schema of a scenario.
func ScenarioSchema() []byte { return harness.ScenarioSchema() }

// ScenarioHelp is the page about scenarios, made from the tables that they are read by.
func ScenarioHelp() string { return harness.ScenarioHelp() }

// Presets are the scenarios that are built in.
func Presets() []harness.Preset { return harness.Presets() }

// PresetNamed is the preset of that name.
func PresetNamed(name string) (harness.Preset, error) {
	p, err := harness.PresetNamed(name)
	if err != nil {
		return p, &Error{Code: Invalid, Message: err.Error(), Err: err}
	}
	return p, nil
}
