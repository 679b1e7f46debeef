package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app"
	"echolab/app/api"
)

// document is as much of OpenAPI as is looked at here.
type document struct {
	Openapi string
	Servers []map[string]string
	Paths   map[string]map[string]struct {
		OperationID string
		Summary     string
		Parameters  []struct{ Name, In string }
		RequestBody *struct {
			Content map[string]struct{ Schema map[string]string }
		}
		Responses map[string]struct {
			Content map[string]struct{ Schema map[string]string }
		}
	}
	Components struct{ Schemas map[string]schema }
}

type schema struct {
	Type       any
	Enum       []string
	Properties map[string]any
	Required   []string
}

// checker validates texts against the document's schemas.
type checker struct {
	document
	compiler *jsonschema.Compiler
}

func newChecker(t *testing.T, text string) *checker {
	t.Helper()
	c := &checker{compiler: jsonschema.NewCompiler()}
	require.NoError(t, json.Unmarshal([]byte(text), &c.document))
	whole, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	require.NoError(t, err)
	c.compiler.AssertFormat()
	require.NoError(t, c.compiler.AddResource("openapi.json", whole))
	return c
}

// check validates one answer, or one body, of an operation against what ref names.
func (c *checker) check(ref, text string) error {
	s, err := c.compiler.Compile("openapi.json" + ref)
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

func TestDocument_DescribesEveryRoute(t *testing.T) {
	l := start(t)
	_, text := l.ask(http.MethodGet, "/api/openapi.json", "")
	c := newChecker(t, text)
	assert.Equal(t, "3.1.0", c.Openapi)
	assert.Equal(t, []map[string]string{{"url": "/"}}, c.Servers, "wherever it was asked for")
	var described, served []string
	ids := map[string]bool{}
	for path, operations := range c.Paths {
		for method, op := range operations {
			described = append(described, strings.ToUpper(method)+" "+path)
			assert.NotEmpty(t, op.Summary)
			assert.False(t, ids[op.OperationID], op.OperationID)
			ids[op.OperationID] = true
		}
	}
	for _, r := range api.Routes() {
		served = append(served, r.Method+" "+r.Path)
		op := c.Paths[r.Path][strings.ToLower(r.Method)]
		assert.Equal(t, r.Help, op.Summary)
		var have, want []string
		for _, p := range op.Parameters {
			if p.In != "path" {
				have = append(have, p.Name)
			}
		}
		for _, p := range r.Params {
			want = append(want, p.Name)
		}
		assert.Equal(t, want, have, r.Path)
		assert.Equal(t, r.Body != nil, op.RequestBody != nil, r.Path)
	}
	assert.ElementsMatch(t, served, described)
}

// The page's types and the document's schemas have the same names, fields and optional fields.
func TestDocument_SaysWhatThePagesTypesSay(t *testing.T) {
	script, err := os.ReadFile("../../frontend/src/backend/types.ts")
	require.NoError(t, err)
	l := start(t)
	_, text := l.ask(http.MethodGet, "/api/openapi.json", "")
	c := newChecker(t, text)
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?ms)^export interface (\w+) \{\n(.*?)^\}`).FindAllStringSubmatch(string(script), -1) {
		s, ok := c.Components.Schemas[m[1]]
		require.True(t, ok, m[1])
		seen[m[1]] = true
		var fields, required []string
		for _, f := range regexp.MustCompile(`(?m)^  (\w+)(\??): `).FindAllStringSubmatch(m[2], -1) {
			fields = append(fields, f[1])
			if f[2] == "" {
				required = append(required, f[1])
			}
		}
		assert.ElementsMatch(t, fields, slices.Collect(maps.Keys(s.Properties)), m[1])
		assert.ElementsMatch(t, required, s.Required, m[1])
	}
	for _, m := range regexp.MustCompile(`(?ms)^export type (\w+) =\n(.*?);`).FindAllStringSubmatch(string(script), -1) {
		seen[m[1]] = true
		var values []string
		for _, v := range regexp.MustCompile(`'(\w+)'`).FindAllStringSubmatch(m[2], -1) {
			values = append(values, v[1])
		}
		assert.Equal(t, values, c.Components.Schemas[m[1]].Enum, m[1])
	}
	assert.Len(t, seen, len(c.Components.Schemas))
}

// Every route is asked for real, and what it answers is what the document says.
func TestDocument_HoldsForRealAnswers(t *testing.T) {
	l := start(t)
	_, text := l.ask(http.MethodGet, "/api/openapi.json", "")
	c := newChecker(t, text)
	ada := l.connect(l.creds).join(l.creds, "presence-room", "7")
	l.connect(l.creds).join(l.creds, "private-client.5", "")
	published := fmt.Sprint(given[api.Published](l, http.MethodPost, "/api/publish", `{"channel":"client.5","event":"InvoiceCreated"}`).Deliveries[0].Seq)
	asked := map[string]bool{}
	for _, tc := range []struct {
		route, target, body string
		status              int
	}{
		{"GET /api/status", "", "", 200},
		{"POST /api/publish", "", `{"channel":"private-client.5","channels":["nobody"],"event":"InvoiceCreated","data":{"id":42}}`, 200},
		{"POST /api/publish", "", `{"event":"InvoiceCreated"}`, 400},
		{"GET /api/feed", "?after=0", "", 200},
		{"GET /api/events", "?limit=3", "", 200},
		{"GET /api/events", "?limit=0", "", 400},
		{"GET /api/events/wait", "?after=0&event=Invoice*", "", 200},
		{"GET /api/events/wait", "?timeout=0s", "", 200},
		{"GET /api/events/{seq}", "/api/events/1", "", 200},
		{"GET /api/events/{seq}", "/api/events/999999", "", 404},
		{"GET /api/events/{seq}/diagnosis", "/api/events/" + published + "/diagnosis", "", 200},
		{"GET /api/events/{seq}/diagnosis", "/api/events/1/diagnosis", "", 400},
		{"GET /api/events/{seq}/diagnosis", "/api/events/999999/diagnosis", "", 404},
		{"GET /api/events/{seq}/diagnosis", "/api/events/x/diagnosis", "", 400},
		{"GET /api/connections", "", "", 200},
		{"GET /api/channels", "", "", 200},
		{"GET /api/channels/{name}", "/api/channels/presence-room", "", 200},
		{"GET /api/channels/{name}", "/api/channels/nobody", "", 404},
		{"GET /api/state", "", "", 200},
		{"GET /api/state", "?at=3", "", 200},
		{"GET /api/backend", "", "", 200},
		{"GET /api/backend/online", "", "", 200},
		{"POST /api/backend/activities", "", `{"type":"project.created","description":"created a new project","user":"1","subject_type":"project","subject_id":"4","metadata":{"client_id":5}}`, 200},
		{"POST /api/backend/activities", "", `{"type":"system.cleaned"}`, 200},
		{"POST /api/backend/activities", "", `{"type":"x","user":"99"}`, 404},
		{"GET /api/backend/activities", "?limit=2&since=1h", "", 200},
		{"GET /api/backend/activities", "?since=yesterdayish", "", 400},
		{"GET /api/backend/versions", "", "", 200},
		{"GET /api/backend/versions", "?since=7", "", 409},
		{"GET /api/backend/viewers", "?type=project", "", 200},
		{"GET /api/backend/viewers", "?id=1", "", 400},
		{"GET /api/backend/catalogue", "", "", 200},
		{"POST /api/backend/emit", "", `{"event":"InvoiceCreated","params":{"client":5},"set":{"total":99.5}}`, 200},
		{"POST /api/backend/emit", "", `{"event":"InvoceCreated"}`, 404},
		{"GET /api/backend/entities", "", "", 200},
		{"GET /api/backend/entities/{type}", "/api/backend/entities/invoices", "", 200},
		{"GET /api/backend/entities/{type}", "/api/backend/entities/unicorns", "", 404},
		{"POST /api/backend/entities/{type}", "/api/backend/entities/invoices", `{"fields":{"client_id":5,"total":1},"as":"1"}`, 200},
		{"GET /api/backend/entities/{type}/{id}", "/api/backend/entities/invoices/9", "", 200},
		{"PATCH /api/backend/entities/{type}/{id}", "/api/backend/entities/invoices/9", `{"fields":{"status":"paid"}}`, 200},
		{"DELETE /api/backend/entities/{type}/{id}", "/api/backend/entities/invoices/9?as=1", "", 200},
		{"POST /api/backend/notify", "", `{"users":["7"],"title":"T","message":"M","queued":true}`, 200},
		{"POST /api/backend/workflows", "", `{"workflow":{"to":"admin","title":"T","body":"B"},"data":{"a":1}}`, 200},
		{"POST /api/backend/workflows/{name}/run", "/api/backend/workflows/stage_changed/run", `{"data":{"client":"Acme"}}`, 200},
		{"GET /api/backend/notifications", "?user=7", "", 200},
		{"POST /api/backend/reset", "", "", 200},
		{"POST /api/apps", "", `{"id":"worker-1","rate_limiting":{"enabled":true,"decay":"1s"},"webhooks":[{"url":"http://127.0.0.1:1/x"}]}`, 200},
		{"POST /api/apps", "", `{"id":"worker-1"}`, 409},
		{"GET /api/status", "", "", 200}, // with an app that was made
		{"DELETE /api/apps/{id}", "/api/apps/worker-1", "", 200},
		{"DELETE /api/connections/{socket}", "/api/connections/" + ada.id, "", 200},
		{"DELETE /api/events", "", "", 200},
		{"GET /api/apps/{id}/secret", "/api/apps/" + l.creds.ID + "/secret", "", 200},
		{"GET /api/openapi.json", "", "", 200},
	} {
		method, path, _ := strings.Cut(tc.route, " ")
		asked[tc.route] = true
		target := tc.target
		if !strings.HasPrefix(target, "/") {
			target = path + target
		}
		status, answer := l.ask(method, target, tc.body, "X-Echolab-Page", "1")
		require.Equal(t, tc.status, status, "%s: %s", target, answer)
		operation := "#/paths/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(path) + "/" + strings.ToLower(method)
		pointer := fmt.Sprintf("%s/responses/%s/content/application~1json/schema", operation,
			map[bool]string{true: "200", false: "default"}[status == 200])
		assert.NoError(t, c.check(pointer, answer), "%s %s", tc.route, answer)
		if tc.body != "" && status == 200 {
			assert.NoError(t, c.check(operation+"/requestBody/content/application~1json/schema", tc.body), tc.body)
		}
	}
	for _, r := range api.Routes() {
		assert.True(t, asked[r.Method+" "+r.Path], "%s %s is asked by no test", r.Method, r.Path)
	}
	require.Error(t, c.check("#/components/schemas/Secret", `{"secret":"x","more":1}`), "a schema that lets everything through proves nothing")
}

// NewApp is for documents; what is really read is the table of settings that echolab.yaml has.
func TestDocument_ANewAppHasTheSettingsOfAnApp(t *testing.T) {
	var names []string
	for _, row := range app.AppSettings() {
		name, _, _ := strings.Cut(row.Name, ".")
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	l := start(t)
	_, text := l.ask(http.MethodGet, "/api/openapi.json", "")
	var d document
	require.NoError(t, json.NewDecoder(bytes.NewReader([]byte(text))).Decode(&d))
	assert.ElementsMatch(t, append(names, "webhooks"), slices.Collect(maps.Keys(d.Components.Schemas["NewApp"].Properties)))
	for _, nested := range []string{"enabled", "max_attempts", "decay", "terminate"} {
		assert.Contains(t, d.Components.Schemas["RateLimiting"].Properties, nested)
	}
}
