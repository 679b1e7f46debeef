package laravel_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/laravel"
)

func compose(t *testing.T, app *laravel.Application, o laravel.Occurrence) laravel.Composed {
	t.Helper()
	c, err := laravel.Compose(app, laravel.Fixed, "secret", noon, o)
	require.NoError(t, err)
	return c
}

// drawn draws one payload.
func drawn(t *testing.T, app *laravel.Application, o laravel.Occurrence) string {
	t.Helper()
	return compose(t, app, o).Publications[0].Data
}

func TestOccur_TheSameSeedGivesTheSamePayloadsWhateverElseWasDrawn(t *testing.T) {
	draws := func(between ...string) (comments []string) {
		b, sent := backend(t, laravel.Fixed, portal())
		for range 4 {
			for _, event := range append(between, "CommentAdded") {
				_, err := b.Occur(t.Context(), laravel.Occurrence{Event: event})
				require.NoError(t, err)
			}
		}
		for _, p := range *sent {
			if strings.HasSuffix(p.Event, "CommentAdded") {
				comments = append(comments, p.Data)
			}
		}
		return comments
	}
	alone := draws()
	assert.Equal(t, alone, draws("Announcement", "InvoiceCreated"))
	assert.Greater(t, len(distinct(alone)), 1, "draws differ: %s", alone)

	other := portal()
	other.Seed = 99
	assert.NotEqual(t, drawn(t, portal(), laravel.Occurrence{Event: "Announcement"}), drawn(t, other, laravel.Occurrence{Event: "Announcement"}))
}

func distinct(all []string) map[string]bool {
	out := map[string]bool{}
	for _, s := range all {
		out[s] = true
	}
	return out
}

func TestOccur_ASeedOfItsOwnFixesTheTimesToo(t *testing.T) {
	seed := uint64(7)
	b, _ := backend(t, laravel.Fixed, portal())
	for range 2 {
		c, err := b.Compose(laravel.Occurrence{Event: "Announcement", Seed: &seed})
		require.NoError(t, err)
		assert.Equal(t, drawn(t, portal(), laravel.Occurrence{Event: "Announcement", Seed: &seed}), c.Publications[0].Data)
		assert.Contains(t, c.Publications[0].Data, `"published_at":"2026-01-15T10:00:00.000000Z"`)
	}
	assert.Contains(t, drawn(t, portal(), laravel.Occurrence{Event: "Announcement"}), `"published_at":"2026-03-01T12:00:00.000000Z"`)
}

// A time entry that has stopped took as long as its times say, one that runs has neither an end nor a duration, and
// the action is one that this can be; whatever its row says, at whatever moment.
func TestOccur_TimeEntriesFitTogether(t *testing.T) {
	const began, ended = "2026-01-12T09:15:00Z", "2026-01-12T12:00:00Z"
	for name, rows := range map[string]obj{
		"times": {{"id", int64(1)}, {"started_at", began}, {"stopped_at", ended}}, "running": {{"id", int64(1)}, {"started_at", began}, {"stopped_at", nil}},
		"no times": {{"id", int64(1)}}, "an end": {{"id", int64(1)}, {"stopped_at", ended}}, "later": {{"id", int64(1)}, {"started_at", "2099-01-01T00:00:00Z"}},
	} {
		app := portal()
		app.Entities["time_entries"] = []laravel.Object{rows}
		b, _ := backend(t, laravel.Fixed, app)
		for i := range uint64(60) {
			o := laravel.Occurrence{Event: "TimeEntryUpdated", Seed: &i}
			if i%2 == 0 {
				o.Seed = nil
			}
			c, err := b.Compose(o)
			require.NoError(t, err)
			text := c.Publications[0].Data
			said := object(t, text)
			entry := said["time_entry"].(map[string]any)
			from, err := time.Parse(time.RFC3339Nano, entry["started_at"].(string))
			require.NoError(t, err)
			if entry["stopped_at"] == nil {
				assert.Nil(t, entry["duration_seconds"], "%s: %s", name, text)
				assert.Contains(t, []any{"started", "updated"}, said["action"], "%s: %s", name, text)
				continue
			}
			to, err := time.Parse(time.RFC3339Nano, entry["stopped_at"].(string))
			require.NoError(t, err)
			assert.Equal(t, to.Sub(from).Truncate(time.Second).Seconds(), entry["duration_seconds"], "%s: %s", name, text)
			assert.False(t, to.Before(from), "%s: %s", name, text)
			assert.Contains(t, []any{"stopped", "updated"}, said["action"], "%s: %s", name, text)
		}
	}
}

// Who sets a field that the payload does not have hears of it; one within what is new, a list or an empty object is no other.
func TestOccur_AddedFields(t *testing.T) {
	own := portal()
	own.Events = []laravel.Event{{Name: "Own", Channels: []string{"portal"}, Payload: obj{{"meta", obj{}}, {"list", []any{obj{{"a", int64(1)}}}}}}}
	for _, row := range []struct {
		app   *laravel.Application
		event string
		set   []string
		want  []laravel.AddedField
	}{
		{portal(), "InvoiceCreated", []string{"total", "invoice.status", "id"}, nil},
		{portal(), "InvoiceCreated", []string{"totl"}, []laravel.AddedField{{Path: "totl", Had: []string{"id", "invoice_number", "total", "invoice"}}}},
		{portal(), "InvoiceCreated", []string{"invoice.x", "meta.a.b", "meta.c"}, []laravel.AddedField{
			{Path: "invoice.x", Had: []string{"invoice.id", "invoice.client_id", "invoice.invoice_number", "invoice.total", "invoice.status"}},
			{Path: "meta", Had: []string{"id", "invoice_number", "total", "invoice"}},
		}},
		{own, "Own", []string{"meta.a", "list.0.b"}, nil},
		{own, "Own", []string{"mta"}, []laravel.AddedField{{Path: "mta", Had: []string{"meta", "list"}, Open: true}}},
	} {
		var settings laravel.Object
		for _, path := range row.set {
			settings = append(settings, laravel.Field{Key: path, Value: "x"})
		}
		assert.Equal(t, row.want, compose(t, row.app, laravel.Occurrence{Event: row.event, Payload: settings}).Added, row.set)
	}
}

// Two names of one parameter that say different things: one counts, always the same, and it is said.
func TestOccur_AParameterUnderTwoNames(t *testing.T) {
	for range 20 {
		c := compose(t, portal(), laravel.Occurrence{Event: "InvoiceCreated", Params: map[string]any{"client": "5", "clientId": "6"}})
		assert.Equal(t, []string{"private-client.6"}, c.Publications[0].Channels)
		assert.Equal(t, []string{"client 5 has no effect: clientId 6 names the same and counts; leave one of them out"}, c.Notes)
	}
	assert.Empty(t, compose(t, portal(), laravel.Occurrence{Event: "InvoiceCreated", Params: map[string]any{"client": "6", "clientId": 6}}).Notes)
}

// What is drawn belongs together, for every draw.
func TestOccur_RowsBelongTogether(t *testing.T) {
	client := map[string]float64{"1": 5, "2": 6} // by project
	for ordinal := range uint64(50) {
		draw := func(event string, params map[string]any) (map[string]any, string) {
			c := compose(t, portal(), laravel.Occurrence{Event: event, Params: params, Ordinal: ordinal})
			return object(t, c.Publications[0].Data), strings.Join(c.Publications[0].Channels, " ")
		}
		invoice, on := draw("InvoiceCreated", map[string]any{"client": "6"})
		assert.Equal(t, "private-client.6", on)
		assert.Equal(t, 43.0, invoice["id"], "the only invoice of client 6")

		project, on := draw("ProjectUpdated", nil)
		inner := project["project"].(map[string]any)
		id := string(mustJSON(t, inner["id"]))
		assert.Equal(t, client[id], inner["client_id"])
		assert.True(t, strings.HasPrefix(on, "private-client."+string(mustJSON(t, inner["client_id"]))+" private-project."+id+" "), on)

		lock, _ := draw("DocumentLocked", nil)
		assert.Contains(t, []any{1.0, 7.0}, lock["lock"].(map[string]any)["user"].(map[string]any)["id"], "an administrator, or of the document's client")
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return text
}

func TestOccur_SendsForARowThatIsNotThereAndSaysSo(t *testing.T) {
	c := compose(t, portal(), laravel.Occurrence{Event: "InvoiceCreated", Params: map[string]any{"client": "77"}})
	assert.Equal(t, []string{"private-client.77"}, c.Publications[0].Channels)
	assert.Equal(t, []string{"there is no client 77 in the application; the event is sent for it all the same"}, c.Notes)
	assert.Equal(t, 77.0, object(t, c.Publications[0].Data)["invoice"].(map[string]any)["client_id"])
}

// Rows that own each other in a circle are a mistake of the file; drawing ends all the same.
func TestOccur_RowsInACircle(t *testing.T) {
	app := portal()
	app.Entities["boards"] = []laravel.Object{{{"id", int64(1)}, {"card_id", int64(1)}}}
	app.Entities["cards"] = []laravel.Object{{{"id", int64(1)}, {"board_id", int64(1)}}}
	app.Events = []laravel.Event{{Name: "Moved", Channels: []string{"private-card.{cardId}", "private-client.{clientId}"}, Payload: obj{{"card_id", int64(1)}}}}
	assert.Equal(t, "private-card.1", compose(t, app, laravel.Occurrence{Event: "Moved"}).Publications[0].Channels[0])
}

func TestOccur_ParamsByAnyOfTheirNames(t *testing.T) {
	for _, name := range []string{"client", "clientId", "client_id", "ClientID"} {
		for _, value := range []any{"6", 6, int64(6), 6.0, json.Number("6"), laravel.IntID(6)} {
			c := compose(t, portal(), laravel.Occurrence{Event: "InvoiceCreated", Params: map[string]any{name: value}})
			assert.Equal(t, []string{"private-client.6"}, c.Publications[0].Channels, "%s %T", name, value)
		}
	}
	c := compose(t, portal(), laravel.Occurrence{Event: "InvoiceStatusChanged", Params: map[string]any{"id": 43}})
	assert.Equal(t, []string{"private-client.6", "private-invoice.43", "private-admin"}, c.Publications[0].Channels, "id is that of the invoice")
}

func TestOccur_Set(t *testing.T) {
	for _, row := range []struct{ event, settings, path, want string }{
		{"InvoiceCreated", "total=99.50", "total", `"99.50"`},
		{"InvoiceCreated", "total=99.5", "total", `"99.50"`},
		{"InvoiceCreated", "total=99", "invoice.total", `"99.00"`},
		{"InvoiceCreated", "total=99.505", "total", `"99.505"`},
		{"InvoiceCreated", "total=1e3", "total", `"1e3"`},
		{"InvoiceCreated", "invoice.total=1", "total", `"1.00"`},
		{"InvoiceCreated", "total=null", "total", `null`},
		{"InvoiceCreated", "id=9", "id", `9`},
		{"InvoiceCreated", "id=9", "invoice.id", `9`},
		{"InvoiceCreated", "note=paid by card", "note", `"paid by card"`},
		{"InvoiceCreated", `note="5"`, "note", `"5"`},
		{"InvoiceCreated", "note=5", "note", `5`},
		{"InvoiceCreated", "note={\"a\":{},\"b\":[]}", "note", `{"a":{},"b":[]}`},
		{"InvoiceCreated", "note=", "note", `""`},
		{"InvoiceCreated", "note=a=b", "note", `"a=b"`},
		{"InvoiceCreated", "meta.by.name=Ada", "meta", `{"by":{"name":"Ada"}}`},
		{"InvoiceCreated", `a\.b=1`, "a.b", `1`},
		{"InvoiceStatusChanged", "new_status=paid", "invoice.status", `"paid"`},
		{"InvoiceStatusChanged", "invoice.status=overdue", "new_status", `"overdue"`},
		{"ProjectUpdated", "changes.status.1=completed", "changes.status.1", `"completed"`},
		{"ProjectUpdated", "changes.status.2=x", "changes.status.2", `"x"`},
		{"FileUploaded", "project_id=2", "file.project_id", `2`},
	} {
		field, err := laravel.ParseSetting(row.settings)
		require.NoError(t, err)
		text := drawn(t, portal(), laravel.Occurrence{Event: row.event, Payload: laravel.Object{field}})
		var at any = object(t, text)
		parts := strings.Split(row.path, ".")
		if row.path == "a.b" {
			parts = []string{"a.b"}
		}
		for _, part := range parts {
			if list, ok := at.([]any); ok {
				at = list[part[0]-'0']
				continue
			}
			at = at.(map[string]any)[part]
		}
		assert.Equal(t, row.want, string(mustJSON(t, at)), "%s %s: %s", row.event, row.settings, text)
	}
}

func TestOccur_SetChangesTheChannelThatFollowsFromIt(t *testing.T) {
	c := compose(t, portal(), laravel.Occurrence{Event: "ProjectUpdated", Payload: obj{{"project.client_id", int64(9)}}})
	assert.Equal(t, "private-client.9", c.Publications[0].Channels[0])
	c = compose(t, portal(), laravel.Occurrence{Event: "ActivityFeedUpdated", Payload: obj{{"activity.metadata", obj{{"x", int64(1)}}}}})
	assert.Equal(t, []string{"private-admin"}, c.Publications[0].Channels, "no client, no channel of one (K.6)")
}

func TestOccur_BadInputSendsNothing(t *testing.T) {
	app := portal()
	app.Events = []laravel.Event{{Name: "Moved", Channels: []string{"private-board.{boardId}"}, Payload: obj{}}}
	for _, row := range []struct {
		o    laravel.Occurrence
		want string
	}{
		{laravel.Occurrence{Event: "Moved"}, "event Moved: channel private-board.{boardId} needs boardId; pass it (--param boardId=…)"},
		{laravel.Occurrence{Event: "InvoiceCreated", Payload: obj{{"total.x", "1"}}}, `event InvoiceCreated: total.x cannot be set: "x" is inside of something that is text, not an object`},
		{laravel.Occurrence{Event: "ProjectUpdated", Payload: obj{{"changes.status.7", "1"}}}, `event ProjectUpdated: changes.status.7 cannot be set: "7" is no place in a list of 2; write a number from 0 to 2`},
		{laravel.Occurrence{Event: "InvoiceCreated", Payload: obj{{"a..b", "1"}}}, `event InvoiceCreated: the path "a..b" has an empty part; write it as total or invoice.status`},
		{laravel.Occurrence{Event: "InvoiceCreated", Except: "abc"}, "Invalid socket ID abc"},
		{laravel.Occurrence{Event: "InvoiceCreated", Params: map[string]any{"client": "a b"}}, "event InvoiceCreated: Invalid channel name private-client.a b"},
		{laravel.Occurrence{Event: "InvoiceCreated", Channels: []string{""}}, "event InvoiceCreated: Invalid channel name "},
	} {
		b, sent := backend(t, laravel.Fixed, app)
		_, err := b.Occur(t.Context(), row.o)
		assert.EqualError(t, err, row.want)
		assert.Empty(t, *sent)
	}
	b, _ := backend(t, laravel.Fixed, app)
	_, err := b.Occur(t.Context(), laravel.Occurrence{Event: "InvoceCreated"})
	var unknown *laravel.UnknownEvent
	require.True(t, errors.As(err, &unknown))
	assert.Contains(t, unknown.Known, "InvoiceCreated")
	assert.Contains(t, unknown.Known, "Moved")
}

// What the file says of an event of the guide takes the place of that part alone.
func TestOccur_AnEventOfTheGuideChanged(t *testing.T) {
	app := portal()
	app.Events = []laravel.Event{
		{Name: "InvoiceCreated", Channels: []string{"private-invoices"}},
		{Name: "CommentAdded", As: "comment.added"},
		{Name: "Announcement", Payload: obj{{"text", "hello"}, {"meta", obj{}}}},
	}
	c := compose(t, app, laravel.Occurrence{Event: "InvoiceCreated", Params: map[string]any{"id": 42}})
	assert.Equal(t, []string{"private-invoices"}, c.Publications[0].Channels)
	assert.Contains(t, c.Publications[0].Data, `"invoice_number":"INV-0042"`)
	c = compose(t, app, laravel.Occurrence{Event: "comment.added", Params: map[string]any{"project": 1}})
	assert.Equal(t, "comment.added", c.Publications[0].Event)
	assert.Equal(t, "private-project.1", c.Publications[0].Channels[0])
	assert.Equal(t, `{"text":"hello","meta":{}}`, drawn(t, app, laravel.Occurrence{Event: "Announcement"}))
}

// An example is sent as it is, but for the ids that were asked for; its channels follow from it.
func TestOccur_AnExample(t *testing.T) {
	app := portal()
	app.Events = []laravel.Event{{Name: "Reached", Channels: []string{"private-client.{clientId}", "private-project.{projectId}"},
		Payload: obj{{"milestone", obj{{"id", int64(1)}, {"project_id", int64(2)}}}}}}
	c := compose(t, app, laravel.Occurrence{Event: "Reached"})
	assert.Equal(t, `{"milestone":{"id":1,"project_id":2}}`, c.Publications[0].Data)
	assert.Equal(t, []string{"private-client.6", "private-project.2"}, c.Publications[0].Channels)
	c = compose(t, app, laravel.Occurrence{Event: "Reached", Params: map[string]any{"project": "1"}})
	assert.Equal(t, `{"milestone":{"id":1,"project_id":1}}`, c.Publications[0].Data)
	assert.Equal(t, []string{"private-client.5", "private-project.1"}, c.Publications[0].Channels)
}

func FuzzParseSetting(f *testing.F) {
	for _, seed := range []string{"total=99.50", "invoice.status=paid", `a\.b={"x":[1]}`, "a.0.b=1e999", "=", "x", "changes.status.1=null", "socket=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		field, err := laravel.ParseSetting(text)
		if err != nil {
			return
		}
		for _, event := range []string{"InvoiceCreated", "ProjectUpdated"} {
			c, err := laravel.Compose(portal(), laravel.Fixed, "", noon, laravel.Occurrence{Event: event, Payload: laravel.Object{field}})
			if err != nil {
				assert.NotEmpty(t, err.Error())
				continue
			}
			assert.True(t, json.Valid([]byte(c.Publications[0].Data)), "%s: %s", text, c.Publications[0].Data)
		}
	})
}
