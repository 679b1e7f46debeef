package app_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app"
)

func configSchema(t *testing.T) (*jsonschema.Schema, map[string]any) {
	t.Helper()
	whole, err := jsonschema.UnmarshalJSON(bytes.NewReader(app.ConfigSchema()))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("echolab.schema.json", whole))
	schema, err := compiler.Compile("echolab.schema.json")
	require.NoError(t, err)
	return schema, whole.(map[string]any)
}

// inSchema holds a YAML text to the schema, as an editor does.
func inSchema(t *testing.T, schema *jsonschema.Schema, text string) error {
	t.Helper()
	var value any
	require.NoError(t, yaml.Unmarshal([]byte(text), &value))
	asJSON, err := json.Marshal(value)
	require.NoError(t, err)
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	require.NoError(t, err)
	return schema.Validate(instance)
}

func TestConfigSchema_TakesTheSeedAndEverySetting(t *testing.T) {
	schema, _ := configSchema(t)
	for _, text := range []string{string(app.Seed()), "{}", "null", "users:\napps:\ndb:\n", `
host: 0.0.0.0
port: 8080
path: /ws
hostname: portal.test
tls: {local_cert: a.pem, local_pk: b.pem}
debug: true
log_level: warn
retention: {rows: 1000, age: 30d, bytes: 500MB}
profile: pusher
ack: delivered
backend: as-written
backend_addr: 127.0.0.1:8000
write_timeout: 1m30s
apps:
  - id: 7
    key: k
    secret: s
    allowed_origins: [localhost, "*.test"]
    ping_interval: 60s
    max_connections: 5
    accept_client_events_from: none
    rate_limiting: {enabled: true, max_attempts: 60, decay: 1m}
    webhooks: [{url: "http://127.0.0.1:8000/x", events: [member_added], batch: 1s}]
`, "tls: off", "retention: {age: 0, bytes: 1073741824}", "backend_addr: 8000"} {
		assert.NoError(t, inSchema(t, schema, text), text)
		if !strings.Contains(text, ".pem") {
			_, err := described(t, text)
			assert.NoError(t, err, text)
		}
	}
}

func TestConfigSchema_RefusesWhatTheReaderRefuses(t *testing.T) {
	schema, _ := configSchema(t)
	tried := 0
	for _, row := range refusals {
		if row.structure {
			tried++
			assert.Error(t, inSchema(t, schema, row.file), row.name)
		}
	}
	assert.Greater(t, tried, 20)
	for _, text := range []string{"port: 99999", "port: abc", "tls: on", "tls: {certt: x}", "retention: {row: 1}", "retention: {age: long}", "debug: maybe",
		"profile: puser", "backend: on", "write_timeout: 10", "apps: {id: 1}", "apps: [{idd: 1}]", "apps: [{id: 1, webhooks: [{}]}]",
		"apps: [{id: 1, key: k, secret: s, webhooks: [{url: 'http://x', events: [nothing]}]}]", "apps: [{rate_limiting: {on: true}}]", "backend_addr: localhost", "config: x", "user: 1"} {
		assert.Error(t, inSchema(t, schema, text), text)
		_, err := described(t, text)
		assert.Error(t, err, text)
	}
}

// Each key that the reader takes is in the schema, and the reverse: the reader is asked with a key that nobody has, and
// names those that there are.
func TestConfigSchema_HasTheReadersKeys(t *testing.T) {
	_, whole := configSchema(t)
	var compare func(schema map[string]any, before, after string)
	objects := 0
	known := regexp.MustCompile(`qqqqqqqqqqqq is no key of .*; known are (.*)`)
	compare = func(schema map[string]any, before, after string) {
		properties, _ := schema["properties"].(map[string]any)
		rest, more := schema["additionalProperties"].(map[string]any)
		if len(properties) > 0 && schema["additionalProperties"] == false {
			objects++
			_, err := described(t, before+"{qqqqqqqqqqqq: 1}"+after)
			require.Error(t, err, before)
			found := known.FindStringSubmatch(err.Error())
			require.NotNil(t, found, "%s: %s", before, err)
			assert.ElementsMatch(t, slices.Collect(maps.Keys(properties)), strings.Split(found[1], ", "), before)
		}
		for name, property := range properties {
			step(property.(map[string]any), before+"{"+name+": ", "}"+after, compare)
		}
		if more {
			step(rest, before+"{a: ", "}"+after, compare)
		}
		if choices, ok := schema["anyOf"].([]any); ok {
			for _, choice := range choices {
				compare(choice.(map[string]any), before, after)
			}
		}
	}
	compare(whole, "", "")
	assert.GreaterOrEqual(t, objects, 12, "the file, tls, retention, an app, its rate_limiting, a webhook, a channel, an event, a workflow, and sections")

	names := slices.Collect(maps.Keys(whole["properties"].(map[string]any)))
	for _, row := range app.Settings() {
		group, _, _ := strings.Cut(row.Name, ".")
		if row.Name != "config" && row.Name != "user" { // on the command line alone
			assert.Contains(t, names, group)
		}
	}
}

// step goes into what a property holds: itself, or the entries of its list.
func step(schema map[string]any, before, after string, each func(map[string]any, string, string)) {
	each(schema, before, after)
	if items, ok := schema["items"].(map[string]any); ok {
		step(items, before+"[", "]"+after, each)
	}
}

func TestConfigSchema_ExplainsEveryKey(t *testing.T) {
	_, whole := configSchema(t)
	for name, property := range whole["properties"].(map[string]any) {
		if name == "retention" { // its keys do
			continue
		}
		assert.NotEmpty(t, property.(map[string]any)["description"], name)
	}
	assert.Equal(t, "https://json-schema.org/draft/2020-12/schema", whole["$schema"])
	assert.Equal(t, string(app.ConfigSchema()), string(app.ConfigSchema()), "the same each time")
}
