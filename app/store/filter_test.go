package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/store"
	"echolab/emulator/journal"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("here", 3600))

func TestFilters_SetTheQuery(t *testing.T) {
	yes, no := true, false
	for _, c := range []struct {
		name, value string
		want        store.Query
	}{
		{"app", "a", store.Query{App: "a"}},
		{"channel", "private-*", store.Query{Channel: "private-*"}},
		{"event", `App\Events\X`, store.Query{Event: `App\Events\X`}},
		{"kind", "published, closed", store.Query{Kinds: []journal.Kind{journal.Published, journal.Closed}}},
		{"source", "http,server", store.Query{Sources: []journal.Source{journal.HTTP, journal.Server}}},
		{"user", "7", store.Query{User: "7"}},
		{"socket", "1.2", store.Query{Socket: "1.2"}},
		{"delivered", "yes", store.Query{Delivered: &yes}},
		{"delivered", "No", store.Query{Delivered: &no}},
		{"from", "15m", store.Query{From: noon.Add(-15 * time.Minute)}},
		{"from", "7d", store.Query{From: noon.Add(-7 * 24 * time.Hour)}},
		{"from", "2026-01-31", store.Query{From: time.Date(2026, 1, 31, 0, 0, 0, 0, noon.Location())}},
		{"to", "2026-01-31 09:30", store.Query{To: time.Date(2026, 1, 31, 9, 30, 0, 0, noon.Location())}},
		{"to", "09:30:05", store.Query{To: time.Date(2026, 3, 1, 9, 30, 5, 0, noon.Location())}},
		{"text", ` "a b" c`, store.Query{Text: ` "a b" c`}},
		{"after", "12", store.Query{After: 12}},
		{"before", "12", store.Query{Before: 12}},
	} {
		var q store.Query
		require.NoError(t, q.Set(c.name, c.value, noon), "%s=%s", c.name, c.value)
		assert.Equal(t, c.want, q, "%s=%s", c.name, c.value)
	}
	var q store.Query
	require.NoError(t, q.Set("from", "2026-01-31T09:30:00.5Z", noon))
	assert.True(t, q.From.Equal(time.Date(2026, 1, 31, 9, 30, 0, 5e8, time.UTC)), "%v", q.From)
}

func TestFilters_SayWhatAValueHasToBe(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"kind", "publish", `kind "publish": must be some of started, stopped`},
		{"source", "tcp", `source "tcp": must be some of server, http`},
		{"delivered", "maybe", `delivered "maybe": must be yes or no`},
		{"from", "yesterday", `from "yesterday": must be a time such as`},
		{"from", "-5m", "must be a time such as"},
		{"to", "0001-01-01", "must be after 1970"},
		{"after", "-1", "must be a sequence number"},
		{"before", "99999999999999999999", "must be a sequence number"},
		{"chanel", "x", `there is no filter "chanel"`},
	} {
		var q store.Query
		assert.ErrorContains(t, q.Set(c.name, c.value, noon), c.want)
	}
}

// FuzzFilters holds that no value does harm: it is refused, or it makes a query that can be answered.
func FuzzFilters(f *testing.F) {
	for _, filter := range store.Filters {
		for _, value := range []string{"", "*", "published,closed", "yes", "15m", "2026-01-31 09:30", `"a b" c\u00fc`, "\xff", "7d", "**a**", "18446744073709551615"} {
			f.Add(filter.Name, value)
		}
	}
	s, err := store.Open(store.Options{Memory: true})
	require.NoError(f, err)
	f.Cleanup(func() { _ = s.Close() })
	f.Fuzz(func(t *testing.T, name, value string) {
		var q store.Query
		if q.Set(name, value, noon) != nil {
			return
		}
		_, err := s.Entries(t.Context(), q)
		require.NoError(t, err, "%s=%q", name, value)
		q.Matcher()(&journal.Entry{Seq: 1, Kind: journal.Published, Data: []byte(value), Note: value})
	})
}
