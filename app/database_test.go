package app_test

import (
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app"
	"echolab/app/store"
	"echolab/emulator/journal"
)

// filled makes a database with these entries, and opens it for reading.
func filled(t *testing.T, entries ...journal.Entry) *app.Database {
	t.Helper()
	path := filepath.Join(t.TempDir(), "events.sqlite")
	s, err := store.Open(store.Options{Path: path})
	require.NoError(t, err)
	j := journal.New(journal.Options{})
	s.Attach(j)
	for _, e := range entries {
		j.Append(e)
	}
	j.Close()
	require.NoError(t, s.Follow(t.Context(), j))
	require.NoError(t, s.Close())
	cfg, err := app.Load(app.Sources{Dir: t.TempDir(), Flags: map[string]string{"db": path}})
	require.NoError(t, err)
	d, err := app.ReadDatabase(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, d.Close()) })
	return d
}

func TestExport_CSVRunsNothingInASpreadsheet(t *testing.T) {
	at := time.Date(2026, 1, 5, 9, 30, 0, 0, time.UTC)
	texts := []string{`=HYPERLINK("http://x")`, "+1+1", "-2+3", "@SUM(A1)", "\t=1", "plain", "-12.5", "a=b", "say \"hi\",\nnow", "\xff"}
	var all []journal.Entry
	for _, text := range texts {
		all = append(all, journal.Entry{At: at, Kind: journal.Published, Channel: text, Event: text, User: text, Note: text, Data: []byte(text)})
	}
	var out strings.Builder
	n, err := filled(t, all...).Export(t.Context(), &out, "csv", app.Query{}, nil)
	require.NoError(t, err)
	assert.EqualValues(t, len(texts), n.Written)
	rows, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, len(texts)+1)
	want := []string{`'=HYPERLINK("http://x")`, "'+1+1", "'-2+3", "'@SUM(A1)", "'\t=1", "plain", "-12.5", "a=b", "say \"hi\",\nnow", "\uFFFD"}
	for i, row := range rows[1:] {
		for _, column := range []int{5, 6, 10, 12} {
			assert.Equal(t, want[i], row[column], "%q in column %s", texts[i], rows[0][column])
		}
		data := row[13]
		if want[i] != texts[i] {
			assert.Equal(t, "base64", row[15], "%q", texts[i])
			plain, err := base64.StdEncoding.DecodeString(data)
			require.NoError(t, err)
			data = string(plain)
		} else {
			assert.Empty(t, row[15], "%q", texts[i])
		}
		assert.Equal(t, texts[i], data, "a payload is what was received")
	}
}

// TestExport_PayloadsAreWhatWasReceived: byte for byte, whatever they hold.
func TestExport_PayloadsAreWhatWasReceived(t *testing.T) {
	texts := []string{
		`{"id": 1,  "total":1.0, "e":1E400}`, `{"a":"<b>&\u2028"}`, "{\n  \"pretty\": true\n}", "[1,\r\n2]", "no JSON", `"a text"`, " null", "null", "\xff\xfe", "", "1", "line\nend", "{}",
	}
	var all []journal.Entry
	for _, text := range texts {
		all = append(all, journal.Entry{Kind: journal.Published, Channel: "c", Data: []byte(text)})
	}
	all = append(all, journal.Entry{Kind: journal.Published, Channel: "c"})
	d := filled(t, all...)
	for _, format := range []string{"ndjson", "csv"} {
		var out strings.Builder
		_, err := d.Export(t.Context(), &out, format, app.Query{}, nil)
		require.NoError(t, err)
		var got []string
		if format == "csv" {
			rows, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
			require.NoError(t, err)
			for _, row := range rows[1:] {
				got = append(got, decoded(t, row[13], row[15]))
			}
		} else {
			lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			assert.Contains(t, lines[0], `"data":{"id": 1,  "total":1.0, "e":1E400}}`)
			for _, line := range lines {
				var e struct {
					Data     json.RawMessage
					Encoding string
				}
				require.NoError(t, json.Unmarshal([]byte(line), &e), line)
				data := string(e.Data)
				if e.Encoding != "" {
					require.NoError(t, json.Unmarshal(e.Data, &data), line)
				} else {
					_, data, _ = strings.Cut(line, `,"data":`) // a decoder leaves blanks around it out
					data = strings.TrimSuffix(data, "}")
				}
				got = append(got, decoded(t, data, e.Encoding))
			}
		}
		require.Len(t, got, len(texts)+1, format)
		for i, text := range texts {
			if format == "csv" {
				text = strings.ReplaceAll(text, "\r\n", "\n") // Go's reader takes the first out
			}
			assert.Equal(t, text, got[i], format)
		}
	}
}

func decoded(t *testing.T, data, encoding string) string {
	t.Helper()
	if encoding != "base64" {
		return data
	}
	plain, err := base64.StdEncoding.DecodeString(data)
	require.NoError(t, err)
	return string(plain)
}

func TestExport_AllPagesOldestFirst(t *testing.T) {
	var all []journal.Entry
	for i := range 1700 {
		all = append(all, journal.Entry{Kind: journal.Published, Channel: fmt.Sprint("c", i%2), Data: []byte(fmt.Sprintf(`{"n": %d}`, i))})
	}
	d := filled(t, all...)
	for _, c := range []struct{ limit, want int }{{0, 850}, {1, 1}, {500, 500}, {501, 501}, {5000, 850}} {
		var out strings.Builder
		var seen int64
		n, err := d.Export(t.Context(), &out, "ndjson", app.Query{Channel: "c1", Limit: c.limit}, func(written int64, _ uint64) { seen = written })
		require.NoError(t, err)
		assert.EqualValues(t, c.want, n.Written)
		assert.Equal(t, n.Written, seen)
		last := 0
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		require.Len(t, lines, c.want)
		for _, line := range lines {
			var e struct{ Seq int }
			require.NoError(t, json.Unmarshal([]byte(line), &e), line)
			assert.Greater(t, e.Seq, last)
			last = e.Seq
		}
	}
	_, err := d.Export(t.Context(), &strings.Builder{}, "xml", app.Query{}, nil)
	assert.ErrorContains(t, err, "must be ndjson or csv")
}

// TestExport_SaysWhatWasDeletedMeanwhile: each page is a query of its own, so that the log can be shortened.
func TestExport_SaysWhatWasDeletedMeanwhile(t *testing.T) {
	all := make([]journal.Entry, 9000)
	for i := range all {
		all[i] = journal.Entry{Kind: journal.Published, Channel: fmt.Sprint("c", i%2)}
	}
	for name, c := range map[string]struct {
		query app.Query
		clear uint64 // up to which seq, while the first page is written
		want  app.Exported
	}{
		"nothing":                   {app.Query{}, 0, app.Exported{Written: 9000}},
		"what is written already":   {app.Query{}, 500, app.Exported{Written: 9000}},
		"more":                      {app.Query{}, 8000, app.Exported{Written: 1500, Gone: 7500}},
		"more, and a filter":        {app.Query{Channel: "c1"}, 8000, app.Exported{Written: 1000, Gone: 7000}},
		"beyond what is asked for":  {app.Query{Before: 400}, 8000, app.Exported{Written: 399}},
		"as many as were asked for": {app.Query{Limit: 600}, 8000, app.Exported{Written: 600}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "events.sqlite")
			s, err := store.Open(store.Options{Path: path})
			require.NoError(t, err)
			defer func() { assert.NoError(t, s.Close()) }()
			j := journal.New(journal.Options{})
			s.Attach(j)
			for _, e := range all {
				j.Append(e)
			}
			j.Close()
			require.NoError(t, s.Follow(t.Context(), j))
			cfg, err := app.Load(app.Sources{Dir: t.TempDir(), Flags: map[string]string{"db": path}})
			require.NoError(t, err)
			d, err := app.ReadDatabase(t.Context(), cfg)
			require.NoError(t, err)
			defer func() { assert.NoError(t, d.Close()) }()
			first := true
			done, err := d.Export(t.Context(), io.Discard, "ndjson", c.query, func(int64, uint64) {
				if first && c.clear > 0 {
					_, err := s.Clear(t.Context(), "", c.clear)
					assert.NoError(t, err)
				}
				first = false
			})
			require.NoError(t, err)
			assert.Equal(t, c.want, done)
		})
	}
}

func TestExport_TimesHaveSixDigits(t *testing.T) {
	d := filled(t, journal.Entry{At: time.Date(2026, 1, 5, 9, 30, 0, 120_000_000, time.FixedZone("", 3600)), Kind: journal.Published, Channel: "c"})
	for _, format := range app.ExportFormats() {
		var out strings.Builder
		_, err := d.Export(t.Context(), &out, format, app.Query{}, nil)
		require.NoError(t, err)
		assert.Contains(t, out.String(), "2026-01-05T08:30:00.120000Z", format)
	}
}

// braces are more entries than one page looks through, for a text that the index cannot tell from others, and the number
// of the only one that has it.
func braces() (all []journal.Entry, has int) {
	all, has = make([]journal.Entry, 30_000), 22_000
	for i := range all {
		all[i] = journal.Entry{Kind: journal.Published, Channel: "c", Data: []byte(`{"a":{"b":1}}`)}
	}
	all[has].Data = []byte(`"{{name}}"`)
	return all, has
}

func TestExport_GoesOnAfterPagesWithNothing(t *testing.T) {
	all, has := braces()
	d := filled(t, all...)
	var out strings.Builder
	pages := 0
	n, err := d.Export(t.Context(), &out, "ndjson", app.Query{Text: "{{"}, func(int64, uint64) { pages++ })
	require.NoError(t, err)
	assert.Equal(t, app.Exported{Written: 1}, n)
	assert.Greater(t, pages, 1)
	found, err := d.Entries(t.Context(), app.Query{Text: "{{"})
	require.NoError(t, err)
	require.Len(t, found, 1)
	assert.EqualValues(t, has+1, found[0].Seq)
}

func TestWait_LooksThroughAllThatIsOnlyInTheDatabase(t *testing.T) {
	r := run(t, nil)
	all, has := braces()
	after, want := r.Journal().Last(), uint64(0)
	for i := range all {
		all[i].App = r.creds.ID
		if seq := r.Journal().Append(all[i]); i == has {
			want = seq
		}
	}
	for range 10_000 { // so that it is only in the database
		r.Journal().Append(journal.Entry{Kind: journal.Published, Data: []byte(`"{{later}}"`)})
	}
	require.NoError(t, r.Journal().Settled(t.Context(), r.Journal().Last()))
	got, err := r.Wait(t.Context(), app.Query{Text: "{{", After: after}, time.Minute)
	require.NoError(t, err)
	assert.Equal(t, want, got.Entry.Seq)
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "12": 12, "12B": 12, "500MB": 500e6, "2 GiB": 2 << 30, "1kB": 1000, "64KiB": 64 << 10, " 1 ": 1} {
		got, err := app.ParseSize(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
		again, err := app.ParseSize(app.ShowSize(got))
		require.NoError(t, err)
		assert.Equal(t, got, again, "as it is shown")
	}
	for _, text := range []string{"", "B", "much", "-1", "1.5GB", "99999999TiB", "1 G"} {
		_, err := app.ParseSize(text)
		assert.Error(t, err, text)
	}
}

func TestRun_AppliesTheRetention(t *testing.T) {
	file := filepath.Join(t.TempDir(), "echolab.yaml")
	require.NoError(t, os.WriteFile(file, []byte("retention: {rows: 3}"), 0o600))
	r := run(t, map[string]string{"config": file})
	assert.Equal(t, app.Retention{Rows: 3, Bytes: 1 << 30}, r.Config().Retention)
	var seq uint64
	for range 2000 {
		seq = r.Journal().Append(journal.Entry{Kind: journal.Published, Channel: "c"})
	}
	require.Eventually(t, func() bool {
		found := r.kept(app.Query{Oldest: true})
		return len(found) == 3 && found[2].Seq == seq
	}, time.Minute, 10*time.Millisecond)
}

// TestEntries_OfADatabaseThatIsGoneSayWhatIsWrong: while there is nothing to read, a reader hears the same as the terminal.
func TestEntries_OfADatabaseThatIsGoneSayWhatIsWrong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "e.sqlite")
	r := run(t, map[string]string{"db": path})
	mine := filepath.Join(t.TempDir(), "mine")
	require.NoError(t, os.WriteFile(mine, []byte("no database"), 0o600))
	require.NoError(t, os.Rename(mine, path))
	var err error
	require.Eventually(t, func() bool {
		_, err = r.Entries(t.Context(), app.Query{})
		return err != nil
	}, 20*time.Second, 20*time.Millisecond)
	assert.NotContains(t, err.Error(), "closed")
	assert.Regexp(t, "^the database could not be read: store .*e.sqlite cannot be written: (it was deleted or replaced|.* is not an Echolab database)", err.Error())
	require.NoError(t, os.Remove(path)) // so that it can be written at the end
}
