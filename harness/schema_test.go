package harness_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/harness"
)

func scenarioSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	whole, err := jsonschema.UnmarshalJSON(bytes.NewReader(harness.ScenarioSchema()))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("scenario.json", whole))
	schema, err := compiler.Compile("scenario.json")
	require.NoError(t, err)
	return schema
}

func inSchema(t *testing.T, schema *jsonschema.Schema, content string) error {
	t.Helper()
	var value any
	require.NoError(t, yaml.Unmarshal([]byte(content), &value), content)
	text, err := json.Marshal(value)
	require.NoError(t, err)
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	return schema.Validate(instance)
}

func TestSchema_TakesWhatTheReaderTakes(t *testing.T) {
	schema := scenarioSchema(t)
	for _, p := range harness.Presets() {
		assert.NoError(t, inSchema(t, schema, string(p.Content)), p.Name)
	}
	assert.NoError(t, inSchema(t, schema, good))
	assert.NoError(t, inSchema(t, schema, "include: ['preset:typing-room']\n"))
	for _, kind := range harness.Steps {
		content := "scenarios:\n  x:\n    executor: per-vu-iterations\n    vus: 1\n    steps:\n      - " + kind.Example + "\n"
		assert.NoError(t, inSchema(t, schema, content), kind.Example)
	}
}

func TestSchema_RefusesWhatTheReaderRefuses(t *testing.T) {
	schema := scenarioSchema(t)
	for _, c := range [][2]string{
		{"name: try", "nmae: try"}, {"vus: 3", "vsu: 3"}, {"constant-vus", "constant-vu"}, {"    duration: 10s\n", ""},
		{"duration: 10s", "duration: 10s\n    rate: 5"}, {"duration: 10s", "duration: 10"}, {"duration: 10s", "duration: ten"},
		{"vus: 3", "vus: many"}, {"vus: 3", "vus: -3"}, {"[think: 1s]", "[thinks: 1s]"}, {"[connect]", "[conect]"}, {"[think: 1s]", "[{think: 1s, leave: x}]"},
		{"[think: 1s]", "think"}, {"[think: 1s]", "[think]"}, {"[think: 1s]", "[join: {chanel: a}]"}, {"[think: 1s]", "[whisper: {channel: a}]"},
		{"[think: 1s]", "[listen: x]"}, {"[think: 1s]", "[disconnect: {x: 1}]"}, {"[think: 1s]", "[expect: {channel: a, event: E, since: never}]"},
		{"name: try", "thresholds: {delivery_latancy: 'p(95)<5'}"}, {"name: try", "thresholds: {errors: 'p(95) under 5'}"},
		{"name: try", "thresholds: {errors: {threshold: count==0, abort: true}}"}, {"name: try", "defaultThresholds: maybe"},
		{"name: try", "target: {app: {ident: 5}}"}, {"clients: 5", "a-b: 5"}, {"scenarios:", "payload:"},
	} {
		content := strings.Replace(good, c[0], c[1], 1)
		require.NotEqual(t, good, content)
		assert.Error(t, inSchema(t, schema, content), "the schema takes %s", c[1])
		_, err := parse(t, content)
		assert.Error(t, err, "the reader takes %s", c[1])
	}
}

// TestScenarioHelp_NamesEverything walks the tables that the page is made from.
func TestScenarioHelp_NamesEverything(t *testing.T) {
	page := harness.ScenarioHelp()
	for _, kind := range harness.Steps {
		assert.Contains(t, page, "- "+kind.Example)
	}
	for _, k := range harness.Executors {
		assert.Contains(t, page, k.Help)
	}
	for i := range harness.Functions {
		assert.Contains(t, page, harness.Functions[i].Form)
	}
	for _, m := range harness.Metrics {
		assert.Contains(t, page, m.Help)
	}
	for _, p := range harness.Presets() {
		assert.Contains(t, page, p.Name)
	}
	for _, kind := range harness.FakeKinds() {
		assert.Contains(t, page, kind)
	}
	for line := range strings.Lines(page) {
		assert.NotContains(t, line, "%!", "a verb without its value")
	}
}
