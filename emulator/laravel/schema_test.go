package laravel_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/laravel"
)

// drawnFrom is an application with one event that has a schema.
func drawnFrom(t *testing.T, schema string) *laravel.Application {
	t.Helper()
	var o laravel.Object
	require.NoError(t, json.Unmarshal([]byte(schema), &o), schema)
	app := portal()
	app.Events = []laravel.Event{{Name: "Drawn", Channels: []string{"portal"}, Payload: o, Place: "echolab.yaml:3:5"}}
	return app
}

// ofProperty is a schema with one property x.
func ofProperty(schema string) string {
	return `{"type":"object","properties":{"x":` + schema + `},"required":["x"]}`
}

func TestSchema_DrawsWhatItAsksFor(t *testing.T) {
	for _, schema := range []string{
		`{"type":"string"}`, `{"type":"integer"}`, `{"type":"number"}`, `{"type":"boolean"}`, `{"type":"null"}`, `{"type":["string","null"]}`, `true`, `{}`,
		`{"enum":["a",1,null]}`, `{"const":{"a":[1]}}`,
		`{"type":"integer","minimum":3,"maximum":5}`, `{"type":"integer","exclusiveMinimum":3,"exclusiveMaximum":5}`, `{"type":"integer","multipleOf":7,"minimum":10}`,
		`{"type":"integer","minimum":-9000000000000000000,"maximum":9000000000000000000}`, `{"type":"integer","maximum":-5}`,
		`{"type":"number","minimum":0.1,"maximum":0.2}`, `{"type":"number","multipleOf":0.25,"maximum":2,"minimum":0}`, `{"type":"number","minimum":10}`,
		`{"type":"string","minLength":40}`, `{"type":"string","maxLength":3}`, `{"type":"string","minLength":2,"maxLength":2}`,
		`{"type":"string","pattern":"^INV-[0-9]{4}$"}`, `{"type":"string","pattern":"^(paid|open)$"}`,
		`{"type":"string","format":"date-time"}`, `{"type":"string","format":"date"}`, `{"type":"string","format":"time"}`, `{"type":"string","format":"email"}`,
		`{"type":"string","format":"uuid"}`, `{"type":"string","format":"uri"}`, `{"type":"string","format":"hostname"}`, `{"type":"string","format":"ipv4"}`,
		`{"type":"string","format":"ipv6"}`, `{"type":"string","format":"duration"}`,
		`{"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":4}`, `{"type":"array","maxItems":0}`, `{"type":"array","prefixItems":[{"const":1},{"type":"string"}],"items":false}`,
		`{"type":"object","properties":{"a":{"type":"string"}},"required":["a","b"],"additionalProperties":{"type":"integer"}}`,
		`{"allOf":[{"type":"object","properties":{"a":{"const":1}}},{"required":["a"],"properties":{"b":{"const":2}}}]}`,
		`{"oneOf":[{"type":"string","maxLength":5},{"type":"integer","minimum":9}]}`, `{"anyOf":[{"const":1},{"const":"b"}]}`,
	} {
		full := ofProperty(schema)
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(full))
		require.NoError(t, err)
		c := jsonschema.NewCompiler()
		c.AssertFormat()
		require.NoError(t, c.AddResource("x.json", doc))
		valid, err := c.Compile("x.json")
		require.NoError(t, err)
		app := drawnFrom(t, full)
		assert.Empty(t, laravel.Check(app), schema)
		for ordinal := range uint64(20) {
			text := drawn(t, app, laravel.Occurrence{Event: "Drawn", Ordinal: ordinal})
			payload, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
			require.NoError(t, err)
			require.NoError(t, valid.Validate(payload), "%s drew %s", schema, text)
		}
	}
}

func TestSchema_ReferencesAndRows(t *testing.T) {
	app := drawnFrom(t, `{"$ref":"#/$defs/paid","$defs":{
		"paid":{"type":"object","properties":{"client_id":{"type":"integer"},"invoice":{"$ref":"#/$defs/invoice"}}},
		"invoice":{"type":"object","properties":{"invoice_id":{"type":"integer"},"total":{"type":"string"}}}}}`)
	app.Events[0].Channels = []string{"private-client.{clientId}"}
	for ordinal := range uint64(20) {
		c := compose(t, app, laravel.Occurrence{Event: "Drawn", Ordinal: ordinal})
		var payload struct {
			ClientID int `json:"client_id"`
			Invoice  struct {
				InvoiceID int `json:"invoice_id"`
				Total     string
			}
		}
		require.NoError(t, json.Unmarshal([]byte(c.Publications[0].Data), &payload))
		assert.Equal(t, map[int]int{5: 42, 6: 43}[payload.ClientID], payload.Invoice.InvoiceID, "an invoice of that client")
		assert.Regexp(t, `^\d+\.\d\d$`, payload.Invoice.Total)
		assert.Equal(t, []string{"private-client." + string(mustJSON(t, payload.ClientID))}, c.Publications[0].Channels)
	}
	c := compose(t, app, laravel.Occurrence{Event: "Drawn", Params: map[string]any{"client": "6"}})
	assert.Contains(t, c.Publications[0].Data, `"client_id":6,"invoice":{"invoice_id":43,`)
}

func TestCheck_Events(t *testing.T) {
	for _, row := range []struct{ schema, want string }{
		{`{"type":"object","properties":{"x":{"$ref":"#/properties/x"}}}`, "$ref #/properties/x refers to itself"},
		{`{"$ref":"#"}`, "$ref # refers to itself"},
		{`{"$ref":"#/$defs/a","$defs":{"a":{"type":"object","properties":{"b":{"$ref":"#/$defs/b"}}},"b":{"$ref":"#/$defs/a"}}}`, "refers to itself (#/$defs/a → #/$defs/b → #/$defs/a)"},
		{`{"$ref":"#/$defs/none"}`, "$ref #/$defs/none leads nowhere"},
		{`{"$ref":"http://example.com/x.json"}`, "only references such as #/$defs/invoice are followed"},
		{ofProperty(`{"type":"text"}`), "the schema is none: /properties/x/type: value must be one of"},
		{ofProperty(`{"type":"integer","minimum":5,"maximum":4}`), "x: there is no whole number from 5 to 4"},
		{ofProperty(`false`), "no payload was found that satisfies the schema"},
		{ofProperty(`{"type":"string","not":{}}`), "no payload was found that satisfies the schema"},
		{ofProperty(`{"type":"array","minItems":1000000000}`), "10000 values are the most"},
		{ofProperty(`{"type":"array","minItems":200,"items":{"type":"array","minItems":200}}`), "more than 10000 values"},
		{ofProperty(`{"type":"string","minLength":1000000000}`), "100000 are the most"},
		{ofProperty(`{"type":"string","pattern":"("}`), "the schema is none"},
		{`{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"array"}`, "a payload is an object"},
	} {
		problems := laravel.Check(drawnFrom(t, row.schema))
		if assert.Len(t, problems, 1, row.schema) {
			assert.Equal(t, "echolab.yaml:3:5", problems[0].Place)
			assert.Contains(t, problems[0].Message, "event Drawn: ")
			assert.Contains(t, problems[0].Message, row.want)
			for _, strange := range []string{"://", "payload.json", "event:payload"} {
				assert.NotContains(t, strings.ReplaceAll(problems[0].Message, "http://example.com", ""), strange, "where the schema is said to be is nowhere")
			}
		}
	}
	for _, row := range []struct {
		event laravel.Event
		want  string
	}{
		{laravel.Event{Channels: []string{"a"}}, "an event needs a name"},
		{laravel.Event{Name: "A"}, "event A: it needs channels"},
		{laravel.Event{Name: "InvoiceCreated", Channels: []string{}}, "event InvoiceCreated: it needs channels"},
		{laravel.Event{Name: "A", Channels: []string{"a b"}}, `event A: the channel "a b" cannot be`},
		{laravel.Event{Name: "A", Channels: []string{"a.{x"}}, `event A: the channel "a.{x" cannot be`},
		{laravel.Event{Name: "A", Channels: []string{"a"}, Payload: []any{1}}, "event A: payload is a list; write an example object"},
		{laravel.Event{Name: "A", Channels: []string{"a"}, Payload: obj{{"a", "\xff"}}}, "event A: cannot be encoded as JSON"},
	} {
		app := portal()
		row.event.Place = "echolab.yaml:9:1"
		app.Events = []laravel.Event{row.event}
		problems := laravel.Check(app)
		if assert.Len(t, problems, 1, row.want) {
			assert.Equal(t, "echolab.yaml:9:1", problems[0].Place)
			assert.Contains(t, problems[0].Message, row.want)
		}
	}
	app := portal()
	app.Events = []laravel.Event{{Name: "A", Channels: []string{"a"}}, {Name: "A", Channels: []string{"b"}}, {Name: "InvoiceCreated", As: "x"}}
	problems := laravel.Check(app)
	require.Len(t, problems, 1)
	assert.Equal(t, "event A: it is described twice", problems[0].Message)
}

// Whatever a schema says, drawing ends, and what is drawn satisfies it or is refused.
func FuzzSchema(f *testing.F) {
	for _, seed := range []string{
		ofProperty(`{"type":"string","pattern":"^(a+)+$"}`), ofProperty(`{"type":"integer","minimum":1}`), ofProperty(`{"$ref":"#"}`),
		ofProperty(`{"type":["array","null"],"items":{"enum":[1]}}`), `{"$ref":"#/$defs/a","$defs":{"a":{"allOf":[{"$ref":"#/$defs/a"}]}}}`,
		ofProperty(`{"multipleOf":1e-300,"minimum":1e300}`),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var o laravel.Object
		if json.Unmarshal([]byte(text), &o) != nil {
			return
		}
		app := portal()
		app.Events = []laravel.Event{{Name: "Drawn", Channels: []string{"portal"}, Payload: o}}
		if len(laravel.Check(app)) > 0 {
			return
		}
		c, err := laravel.Compose(app, laravel.Fixed, "", noon, laravel.Occurrence{Event: "Drawn", Ordinal: 3})
		if err == nil {
			assert.True(t, json.Valid([]byte(c.Publications[0].Data)))
		}
	})
}
