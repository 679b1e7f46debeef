package harness

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"echolab/testdata/scenarios"
)

// Preset is a scenario that is built in.
type Preset struct {
	Name    string
	Help    string // the first sentence of its description
	Content []byte
}

// Presets is every scenario that is built in, as it stands in testdata/scenarios.
func Presets() (all []Preset) {
	for _, name := range scenarios.Names {
		content, err := scenarios.Files.ReadFile(name + ".yaml")
		if err != nil {
			panic(err) // embedded: a test walks them
		}
		help := ""
		for line := range bytes.Lines(content) {
			if text, ok := strings.CutPrefix(string(line), "description: "); ok {
				help = strings.Trim(strings.TrimSpace(text), `"`)
				break
			}
		}
		all = append(all, Preset{name, help, content})
	}
	return all
}

// PresetNamed is the preset of that name.
func PresetNamed(name string) (Preset, error) {
	all := Presets()
	i := slices.IndexFunc(all, func(p Preset) bool { return p.Name == name })
	if i < 0 {
		return Preset{}, fmt.Errorf("there is no preset %q; %s", name, meant(name, scenarios.Names))
	}
	return all[i], nil
}
