package store_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/store"
	"echolab/emulator/journal"
)

// presenceRow is a row of user_presence as the application writes it.
func presenceRow(user, status string) store.BackendRow {
	return store.BackendRow{Table: "user_presence", Key: strings.Trim(user, `"`), Row: json.RawMessage(
		`{"user_id":` + user + `,"location":"Projects","status":"` + status + `","last_seen_at":"2026-01-05T09:30:00.000000001Z"}`)}
}

// rowsOf reads a table as "key row", a line each.
func rowsOf(t *testing.T, b *store.Backend, table string) []string {
	t.Helper()
	all := []string{}
	require.NoError(t, b.Rows(t.Context(), table, func(key string, row json.RawMessage) error {
		all = append(all, key+" "+string(row))
		return nil
	}))
	return all
}

// TestBackend_TablesHaveRealColumns: whoever opens the file with another program sees what is kept.
func TestBackend_TablesHaveRealColumns(t *testing.T) {
	cases := []struct{ table, key, row, look, sees string }{
		{"entities", "invoices/7", `{"type":"invoices","id":7,"version":3,"data":{"id":7,"total":"99.50"}}`,
			"SELECT type, id, typeof(id), version, deleted, data ->> '$.total' FROM entities WHERE type = 'invoices'", "invoices|7|integer|3|0|99.50"},
		{"activities", "00000000000000000009", `{"id":9,"type":"project.created","description":"created a new project","user":{"id":1,"name":"Jürgen"},"subject_type":"project","subject_id":4,"metadata":{"client_id":5},"created_at":"2026-01-05T09:30:00.000000Z"}`,
			"SELECT id, type, description, user_id, user_name, subject_type, subject_id, client_id, metadata, created_at FROM activities",
			`9|project.created|created a new project|1|Jürgen|project|4|5|{"client_id":5}|2026-01-05T09:30:00.000000Z`},
		{"notifications", "0199", `{"id":"0199","type":"App\\Notifications\\Paid","notifiable_type":"App\\Models\\User","notifiable_id":7,"data":{"message":"Hi"},"read_at":null,"created_at":"x"}`,
			"SELECT id, type, notifiable_type, notifiable_id, data ->> '$.message', coalesce(read_at, 'unread'), created_at FROM notifications WHERE notifiable_id = 7",
			`0199|App\Notifications\Paid|App\Models\User|7|Hi|unread|x`},
		{"versions", "00000000000000000012", `{"version":12,"type":"projects","id":"p-1","action":"updated","at":"x"}`,
			"SELECT version, type, id, action, at FROM data_versions WHERE version > 11", "12|projects|p-1|updated|x"},
		{"viewers", "project/1/7", `{"type":"project","id":1,"user_id":7,"since":"x"}`,
			"SELECT type, id, user_id, since FROM viewers", "project|1|7|x"},
		{"locks", "3/title", `{"document_id":3,"field":"title","user_id":7,"expires_at":"x"}`,
			"SELECT document_id, field, user_id, expires_at FROM locks", "3|title|7|x"},
		{"documents", "3", `{"document_id":3,"version":2,"state":{"a":1}}`,
			"SELECT document_id, version, state FROM documents", `3|2|{"a":1}`},
		{"user_presence", "7", `{"user_id":7,"location":null,"status":"online","last_seen_at":"2026-01-05T09:30:00.000000001Z"}`,
			"SELECT source, user_id, typeof(user_id), coalesce(location, 'nowhere'), status, last_seen_at FROM user_presence", "heartbeat|7|integer|nowhere|online|2026-01-05T09:30:00.000000001Z"},
	}
	var covered []string
	for _, c := range cases {
		covered = append(covered, c.table)
		t.Run(c.table, func(t *testing.T) {
			for _, opt := range []store.Options{{}, {Memory: true}} {
				r := start(t, opt, journal.Options{})
				b := r.Backend("a")
				require.NoError(t, b.Write(t.Context(), []store.BackendRow{{c.table, c.key, json.RawMessage(c.row)}}))
				assert.Equal(t, []string{c.key + " " + c.row}, rowsOf(t, b, c.table), "as written")
				if !opt.Memory {
					db := direct(t, r.path())
					columns, _, _ := strings.Cut(strings.TrimPrefix(c.look, "SELECT "), " FROM ")
					line := scalar[string](t, db, strings.Replace(c.look, columns, "concat_ws('|', "+columns+")", 1))
					assert.Equal(t, c.sees, line)
				}
				again := strings.Replace(c.row, `"x"`, `"y"`, 1)
				require.NoError(t, b.Write(t.Context(), []store.BackendRow{{c.table, c.key, json.RawMessage(again)}}))
				assert.Equal(t, []string{c.key + " " + again}, rowsOf(t, b, c.table), "written over")
				require.NoError(t, b.Write(t.Context(), []store.BackendRow{{Table: c.table, Key: c.key}}))
				assert.Empty(t, rowsOf(t, b, c.table))
				r.stop()
			}
		})
	}
	assert.ElementsMatch(t, store.BackendTables(), covered)
}

func TestBackend_RowsComeInTheOrderOfTheirKeys(t *testing.T) {
	r := start(t, store.Options{}, journal.Options{})
	b := r.Backend("a")
	var rows []store.BackendRow
	for _, id := range []int{10, 9, 100} {
		rows = append(rows, store.BackendRow{Table: "versions", Key: fmt.Sprintf("%020d", id), Row: json.RawMessage(fmt.Sprintf(`{"version":%d}`, id))})
	}
	require.NoError(t, b.Write(t.Context(), rows))
	assert.Equal(t, []string{`00000000000000000009 {"version":9}`, `00000000000000000010 {"version":10}`, `00000000000000000100 {"version":100}`},
		rowsOf(t, b, "versions"))
	r.stop()
}

func TestBackend_AllRowsOrNone(t *testing.T) {
	r := start(t, store.Options{}, journal.Options{})
	b := r.Backend("a")
	err := b.Write(t.Context(), []store.BackendRow{presenceRow("1", "online"), presenceRow("2", "asleep")})
	require.ErrorContains(t, err, "CHECK constraint failed")
	assert.Empty(t, rowsOf(t, b, "user_presence"))
	require.ErrorContains(t, b.Write(t.Context(), []store.BackendRow{{Table: "secrets"}}), `there is no table "secrets"`)
	require.NoError(t, b.Write(t.Context(), []store.BackendRow{presenceRow("1", "online")}), "what was refused does not come back")
	assert.Len(t, rowsOf(t, b, "user_presence"), 1)
	assert.True(t, r.State().OK)
	assert.Zero(t, r.log.count("level=ERROR"))
	r.stop()
	assert.ErrorIs(t, b.Write(t.Context(), nil), store.ErrClosed)
}

// TestBackend_PresenceOfSocketsAndByHeartbeatAreIndependent (protocol K.6): the same table, never the same row.
func TestBackend_PresenceOfSocketsAndByHeartbeatAreIndependent(t *testing.T) {
	r := start(t, store.Options{}, journal.Options{})
	r.keep(visit()[:12]...)
	b := r.Backend("a")
	require.NoError(t, b.Write(t.Context(), []store.BackendRow{presenceRow(`"jane"`, "offline"), presenceRow(`"joe"`, "online"), presenceRow("7", "online")}))
	for _, p := range r.presence() {
		assert.True(t, p.Online, "a heartbeat says nothing of %s's socket", p.User)
	}
	assert.Len(t, r.presence(), 2)
	r.keep(journal.Entry{At: at(20), Kind: journal.Closed, App: "a", Socket: "2.1"}) // joe's
	path := r.path()
	r.stop()

	s, err := store.Open(store.Options{Path: path}) // whoever was on a socket is gone now
	require.NoError(t, err)
	defer s.Close()
	db := direct(t, path)
	assert.Equal(t, "7 heartbeat online,jane heartbeat offline,jane socket offline,joe heartbeat online,joe socket offline",
		scalar[string](t, db, `SELECT group_concat(line) FROM (SELECT user_id||' '||source||' '||status line FROM user_presence ORDER BY line)`))
}

func TestBackend_TroubleIsSaidOnceAndRowsAreServedOnAndKeptLater(t *testing.T) {
	for _, name := range []string{"disk full", "read-only", "locked"} {
		fault := faults[name]
		t.Run(name, func(t *testing.T) {
			r := start(t, store.Options{Busy: 20 * time.Millisecond}, journal.Options{})
			watch := r.j.Follow(0, false)
			b := r.Backend("")
			require.NoError(t, b.Write(t.Context(), []store.BackendRow{{"activities", "0", json.RawMessage(`{"id":0}`)}}))
			end := fault.begin(t, r)
			filler := strings.Repeat("x", 5000)
			for n := range 100 {
				row := store.BackendRow{Table: "activities", Key: fmt.Sprintf("%03d", n), Row: json.RawMessage(fmt.Sprintf(`{"id":%d,"description":%q}`, n, filler))}
				require.NoError(t, b.Write(t.Context(), []store.BackendRow{row, {Table: "activities", Key: "0"}}))
			}
			assert.Contains(t, r.awaitTrouble(watch, fault.says).Note, r.path())
			assert.False(t, r.State().OK)
			end()
			r.awaitTrouble(watch, "is written again; nothing was lost")
			require.NoError(t, b.Write(t.Context(), []store.BackendRow{{"activities", "after", json.RawMessage(`{"id":1000}`)}}))
			assert.True(t, r.State().OK, r.State().Error)
			got := rowsOf(t, b, "activities")
			require.Len(t, got, 101)
			assert.True(t, strings.HasPrefix(got[0], "000 "), got[0])
			assert.Equal(t, `after {"id":1000}`, got[100])
			assert.Equal(t, 1, r.log.count("level=ERROR"))
			assert.Equal(t, 1, r.log.count("level=WARN"))
			r.stop()
		})
	}
}

func TestBackend_WhatWaitsIsWrittenAtTheEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.sqlite")
	s, err := store.Open(store.Options{Path: path})
	require.NoError(t, err)
	require.NoError(t, s.RunOnWriter("PRAGMA query_only=ON"))
	require.NoError(t, s.Backend("").Write(t.Context(), []store.BackendRow{presenceRow("7", "online")}))
	assert.Contains(t, s.State().Error, "it is read-only")
	require.NoError(t, s.RunOnWriter("PRAGMA query_only=OFF"))
	require.NoError(t, s.Close())

	s, err = store.Open(store.Options{Path: path})
	require.NoError(t, err)
	assert.Len(t, rowsOf(t, s.Backend(""), "user_presence"), 1)
	require.NoError(t, s.RunOnWriter("PRAGMA query_only=ON"))
	require.NoError(t, s.Backend("").Write(t.Context(), []store.BackendRow{presenceRow("8", "online")}))
	assert.ErrorContains(t, s.Close(), "1 row of the application was not kept")
}

// TestBackend_EachAppHasItsFile: in a folder with a file an app, rows are in that app's.
func TestBackend_EachAppHasItsFile(t *testing.T) {
	dir := t.TempDir()
	r := start(t, store.Options{Dir: dir, Apps: []string{"a", "b"}}, journal.Options{})
	require.NoError(t, r.Backend("b").Write(t.Context(), []store.BackendRow{presenceRow("7", "online")}))
	assert.Empty(t, rowsOf(t, r.Backend("a"), "user_presence"))
	assert.Len(t, rowsOf(t, r.Backend("b"), "user_presence"), 1)
	assert.Equal(t, "b", scalar[string](t, direct(t, filepath.Join(dir, "b.sqlite")), "SELECT app FROM user_presence"))
	r.stop()
}

// rowsEnv makes the test binary a server that writes rows until it is killed; its value is the file to keep.
const rowsEnv = "ECHOLAB_STORE_TEST_ROWS"

// writeRowsForEver acknowledges what it has written from several goroutines at once, a key a line.
func writeRowsForEver(path string) {
	s, err := store.Open(store.Options{Path: path})
	if err != nil {
		panic(err)
	}
	b := s.Backend("a")
	run := os.Getpid()
	for p := range 4 {
		go func() {
			for i := 0; ; i++ {
				key := fmt.Sprintf("%d-%d-%d", run, p, i)
				rows := []store.BackendRow{
					{"activities", key, json.RawMessage(fmt.Sprintf(`{"id":%d,"description":%q}`, i, key))},
					{"versions", key, json.RawMessage(fmt.Sprintf(`{"version":%d}`, i))},
				}
				if b.Write(context.Background(), rows) == nil {
					_, _ = os.Stdout.WriteString(key + "\n")
				}
			}
		}()
	}
	panic(s.Follow(context.Background(), journal.New(journal.Options{After: s.LastSeq()})))
}

func TestKill_LosesNoRowThatWasAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.sqlite")
	acknowledged := map[string]bool{}
	for round := range 5 {
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), rowsEnv+"="+path)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		reader := bufio.NewReader(out)
		for n := 0; ; n++ {
			line, err := reader.ReadString('\n')
			if err != nil {
				break // cut short by the kill: nobody was told
			}
			acknowledged[strings.TrimSuffix(line, "\n")] = true
			if n == 40+60*round {
				require.NoError(t, child.Process.Kill())
			}
		}
		require.ErrorContains(t, child.Wait(), "killed")

		s, err := store.Open(store.Options{Path: path})
		require.NoError(t, err)
		kept := map[string]bool{}
		for _, row := range rowsOf(t, s.Backend("a"), "activities") {
			key, _, _ := strings.Cut(row, " ")
			kept[key] = true
		}
		for key := range acknowledged {
			require.True(t, kept[key], "row %s was acknowledged and is lost (round %d)", key, round)
		}
		db := direct(t, path)
		assert.Equal(t, "ok", scalar[string](t, db, "PRAGMA integrity_check"))
		assert.Zero(t, scalar[int](t, db, "SELECT count(*) FROM activities FULL JOIN data_versions USING (key) WHERE activities.row IS NULL OR data_versions.row IS NULL"),
			"what belongs together came together")
		require.NoError(t, db.Close())
		require.NoError(t, s.Close())
	}
}
