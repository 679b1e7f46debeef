package harness

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
)

// ParseInput is what a scenario is read with besides its text.
type ParseInput struct {
	// Variables are those of -e NAME=value; they win over the environment and the file.
	Variables map[string]string
	// Environ is the environment, as os.Environ gives it: ECHOLAB_VAR_NAME sets a variable, env.NAME reads any of it.
	Environ []string
	// Read reads a file that is included, by its path; nil: files are not included. preset:NAME needs no file.
	Read func(path string) ([]byte, error)
}

// scenarioFile is the top of a file.
type scenarioFile struct {
	Name        string   `yaml:"name" help:"what reports call it (default: the file's name)"`
	Description string   `yaml:"description" help:"what it is for"`
	Seed        uint64   `yaml:"seed" help:"the same seed gives the same users, payloads and think times"`
	Include     []string `yaml:"include" help:"files, beside this one, whose entries are taken over where this one has none of that name; preset:NAME is one that is built in"`
	Variables   tree     `yaml:"variables" section:"true" help:"names that templates may use, with their values; -e NAME=value and ECHOLAB_VAR_NAME win. A name without a value must be given"`

	Target            TargetOptions        `yaml:"target" help:"what is tested, unless flags say otherwise"`
	Payloads          map[string]Value     `yaml:"payloads" section:"true" help:"objects that publish sends, by name"`
	Journeys          map[string]*journey  `yaml:"journeys" section:"true" help:"lists of steps that several scenarios share, by name"`
	Scenarios         map[string]Group     `yaml:"scenarios" section:"true" required:"true" help:"groups of virtual users, by name, and what they do"`
	Thresholds        map[string]threshold `yaml:"thresholds" section:"true" help:"what must hold, by metric: p(95)<50, count==0; metric{tag:value} counts some series only"`
	DefaultThresholds *bool                `yaml:"defaultThresholds" help:"false: nothing must be 0 by itself (default true: what is lost, doubled, out of order or leaked, and what presence got wrong)"`
	LateAfter         time.Duration        `yaml:"lateAfter" help:"a delivery that takes longer counts as late (default: none)"`
	Drain             time.Duration        `yaml:"drain" help:"how long the end waits for what is under way (default 5s)"`
	Health            HealthLimits         `yaml:"health" help:"beyond what the generator does not trust its own figures"`
}

// journey is a list of steps with a name.
type journey struct {
	Setup    []Step `yaml:"setup" help:"done once when a virtual user begins"`
	Steps    []Step `yaml:"steps" help:"an iteration"`
	Teardown []Step `yaml:"teardown" help:"done once when a virtual user ends"`
}

// threshold is one condition: its text, or an object.
type threshold struct {
	Threshold      string        `yaml:"threshold" required:"true" help:"the condition, such as p(99)<200"`
	AbortOnFail    bool          `yaml:"abortOnFail" help:"end the run as soon as it does not hold"`
	DelayAbortEval time.Duration `yaml:"delayAbortEval" help:"but not before"`
}

var groupType = reflect.TypeFor[Group]()

// Parse reads a scenario: file is its name for messages and the folder that includes start from. The error is *Problems where
// the scenario is wrong.
func Parse(file string, content []byte, in ParseInput) (*Scenario, error) {
	p := &parsing{in: in, problems: &Problems{}}
	p.reader = &reader{problems: p.problems}
	s := p.scenario(file, content)
	if len(p.problems.List) > 0 {
		p.problems.sort()
		return nil, p.problems
	}
	return s, nil
}

// parsing is the reading of one scenario.
type parsing struct {
	in       ParseInput
	problems *Problems
	reader   *reader
	files    int
	hints    []string
}

func (p *parsing) hint(at spot, format string, args ...any) {
	text := at.String() + ": " + fmt.Sprintf(format, args...)
	if !slices.Contains(p.hints, text) {
		p.hints = append(p.hints, text)
	}
}

func (p *parsing) scenario(file string, content []byte) *Scenario {
	whole, ok := p.file(file, content, nil)
	if !ok {
		return nil
	}
	for _, key := range []string{"users", "load"} { // words of other tools
		if b := whole.child(key); b != nil && key == "users" {
			p.problems.add(b.at, "users is no key of the file; write scenarios: with an executor and vus each")
			return nil
		}
	}
	d := &decoder{Problems: p.problems, environ: p.environ()}
	d.static = newVocabulary()
	d.static.environ, d.static.static = d.environ, true
	d.values = make(map[string]any)
	p.variables(d, whole.child("variables"))
	d.names = &vocabulary{vars: maps.Clone(d.static.vars), environ: d.environ, count: d.static.count}
	p.ownVariables(d, whole)
	if len(p.problems.List) > 0 {
		return nil // what names variables would be told as unknown
	}
	top := fieldsOf(reflect.TypeFor[scenarioFile]())
	var f scenarioFile
	into := reflect.ValueOf(&f).Elem()
	take := func(name string) {
		if b := whole.child(name); b != nil {
			row := fieldNamed(top, name)
			d.field(&branch{name, b.at, *b}, row, into.FieldByIndex(row.index))
		}
	}
	take("payloads")
	d.payloads = f.Payloads
	if b := whole.child("journeys"); b != nil {
		branches, _ := b.value.([]branch)
		for _, j := range branches {
			d.journeys = append(d.journeys, j.key)
		}
	}
	for _, name := range []string{"name", "description", "seed", "target", "journeys", "defaultThresholds", "lateAfter", "drain", "health"} {
		take(name)
	}
	s := &Scenario{
		Name: cmp.Or(f.Name, baseName(file)), Description: strings.TrimSpace(f.Description), File: file, Seed: f.Seed, Variables: d.values,
		Target: f.Target, Payloads: f.Payloads, LateAfter: f.LateAfter, Drain: f.Drain, Health: f.Health,
	}
	if whole.child("drain") == nil {
		s.Drain = 5 * time.Second
	}
	if address := s.Target.URL; address != "" && !addressForm.MatchString(address) {
		p.problems.add(whole.child("target").child("url").at, "%s is no address; write it as wss://staging.test or http://127.0.0.1:8080", short(address))
	}
	for _, row := range []struct{ section, key, address string }{
		{"auth", "endpoint", s.Target.Auth.Endpoint}, {"auth", "userEndpoint", s.Target.Auth.UserEndpoint}, {"", "application", s.Target.App},
	} {
		if row.address != "" && !webForm.MatchString(row.address) {
			at := whole.child("target")
			if row.section != "" {
				at = at.child(row.section)
			}
			p.problems.add(at.child(row.key).at, "%s is no address; write it as https://staging.test/…", short(row.address))
		}
	}
	if key, err := base64.StdEncoding.DecodeString(s.Target.EncryptionKey); s.Target.EncryptionKey != "" && (err != nil || len(key) != 32) {
		p.problems.add(whole.child("target").child("encryptionKey").at, "encryptionKey must be base64 of 32 bytes")
	}
	if l := s.Target.Auth.Login; l != nil {
		if _, wrong := l.check(); wrong != "" {
			p.problems.add(whole.child("target").child("auth").child("login").at, "%s", wrong)
		}
	}
	p.groups(d, s, whole, f.Journeys)
	p.thresholds(d, s, whole.child("thresholds"), f.DefaultThresholds == nil || *f.DefaultThresholds)
	if len(p.problems.List) == 0 {
		p.remarks(s)
	}
	s.Hints = p.hints
	return s
}

func (p *parsing) groups(d *decoder, s *Scenario, whole tree, journeys map[string]*journey) {
	b := whole.child("scenarios")
	branches, ok := []branch(nil), false
	if b != nil {
		branches, ok = b.value.([]branch)
	}
	switch {
	case b == nil:
		p.problems.add(whole.at, "the file needs scenarios: groups of virtual users, by name, and what they do")
	case !ok || len(branches) == 0:
		p.problems.add(b.at, "scenarios must have at least one name with an executor and steps")
	}
	for i := range branches {
		s.Groups = append(s.Groups, d.group(&branches[i], journeys))
	}
}

// file reads one file and those that it includes, whose entries it wins over.
func (p *parsing) file(name string, content []byte, within []string) (tree, bool) {
	if p.files++; p.files > maxFiles {
		p.problems.List = append(p.problems.List, Problem{File: name, Text: fmt.Sprintf("more than %d files are included", maxFiles)})
		return tree{}, false
	}
	t, ok := p.reader.read(name, content)
	if !ok {
		return t, false
	}
	own, isMapping := t.value.([]branch)
	if !isMapping {
		p.problems.add(t.at, "a scenario has keys and values, the first of them such as name: invoice-day; 'echolab init scenario' writes one to start from")
		return t, false
	}
	top := fieldsOf(reflect.TypeFor[scenarioFile]())
	for _, b := range own {
		f := fieldNamed(top, b.key)
		switch {
		case f == nil:
			p.problems.add(b.at, "%s is no key of the file; %s", short(b.key), meant(b.key, keys(top)))
		case len(within) > 0 && (b.key == "name" || b.key == "description" || b.key == "seed"):
			// Those of an included file are its own.
		case f.section && b.value != nil:
			if _, isMapping := b.value.([]branch); !isMapping {
				p.problems.add(b.tree.at, "%s must have names and values, such as name: …", b.key)
			}
		}
	}
	include := t.child("include")
	if include == nil || include.value == nil {
		return t, true
	}
	list, isList := include.value.([]tree)
	if !isList {
		list = []tree{*include}
	}
	merged := tree{at: t.at}
	for _, item := range list {
		other, ok := p.include(name, item, append(within, name))
		if !ok {
			return t, false
		}
		merged.value = join(merged, other, top)
	}
	t.value = join(merged, t, top)
	return t, true
}

// include reads a file that another one names.
func (p *parsing) include(including string, item tree, within []string) (tree, bool) {
	name, ok := item.value.(string)
	if !ok || name == "" {
		p.problems.add(item.at, "include must be a list of files")
		return tree{}, false
	}
	path := beside(including, name)
	if slices.Contains(within, path) {
		p.problems.add(item.at, "%s includes itself: %s; remove one of the includes", path, strings.Join(append(within[slices.Index(within, path):], path), " → "))
		return tree{}, false
	}
	content, err := p.read(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = errors.New("there is no such file; paths start at the folder of the file that includes")
		}
		p.problems.add(item.at, "include %s: %s", path, err)
		return tree{}, false
	}
	return p.file(path, content, within)
}

const presetPrefix = "preset:"

func (p *parsing) read(path string) ([]byte, error) {
	if name, isPreset := strings.CutPrefix(path, presetPrefix); isPreset {
		preset, err := PresetNamed(name)
		return preset.Content, err
	}
	if p.in.Read == nil {
		return nil, errors.New("files cannot be included here")
	}
	return p.in.Read(path)
}

// join is a tree with the entries of two files, of which the second's win.
func join(first, second tree, top []field) []branch {
	out, _ := first.value.([]branch)
	out = slices.Clone(out)
	own, _ := second.value.([]branch)
	for _, b := range own {
		i := slices.IndexFunc(out, func(o branch) bool { return o.key == b.key })
		if i < 0 {
			out = append(out, b)
			continue
		}
		if f := fieldNamed(top, b.key); f != nil && f.section {
			b.value = join(out[i].tree, b.tree, nil)
		}
		out[i] = b
	}
	return out
}

func baseName(file string) string {
	name := strings.TrimPrefix(file, presetPrefix)
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	return strings.TrimSuffix(strings.TrimSuffix(name, ".yaml"), ".yml")
}

func (p *parsing) environ() map[string]string {
	m := make(map[string]string, len(p.in.Environ))
	for _, row := range p.in.Environ {
		if name, value, ok := strings.Cut(row, "="); ok && name != "" {
			m[name] = value
		}
	}
	return m
}

var addressForm = regexp.MustCompile(`^(ws|wss|http|https)://[^/\s]+`)
var webForm = regexp.MustCompile(`^https?://[^/\s]+`)
