package app_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app"
	"echolab/app/store"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// yesterday makes a database of 6000 entries that are two hours old, of which 1001 to 1500 are protected.
func yesterday(t *testing.T, path string) {
	t.Helper()
	s, err := store.Open(store.Options{Path: path})
	require.NoError(t, err)
	j := journal.New(journal.Options{})
	s.Attach(j)
	id := pusher.DefaultApp().ID
	for i := 1; i <= 6000; i++ {
		e := journal.Entry{Kind: journal.Published, Source: journal.HTTP, Channel: "portal", Event: "Old"}
		e.Data = fmt.Appendf(nil, `{"needle":"old-%05d","more":%q}`, i, strings.Repeat("x", 500))
		switch i {
		case 10:
			e = journal.Entry{Kind: journal.Opened, Source: journal.Client, Socket: "1.1"}
		case 11:
			e = journal.Entry{Kind: journal.Subscribed, Source: journal.Client, Socket: "1.1", Channel: "presence-online", User: "7", Data: []byte(`{"name":"Ada"}`)}
		}
		e.App, e.At = id, time.Now().Add(-2*time.Hour)
		j.Append(e)
	}
	j.Close()
	require.NoError(t, s.Follow(t.Context(), j))
	require.NoError(t, s.Keep(t.Context(), store.Keep{Name: "recording:1", From: 1001, To: 1500}))
	require.NoError(t, s.Close())
}

// TestRun_RetentionWhileEventsArrive lets a server shorten its database in the background, by age and by bytes, while it
// keeps what arrives, and asks it everything right afterwards.
func TestRun_RetentionWhileEventsArrive(t *testing.T) {
	const limit = 2 << 20
	for name, c := range map[string]struct {
		retention string
		done      func(used int64, left []uint64) bool // with what is left of the old entries
	}{
		"age":   {"{rows: 0, bytes: 0, age: 1h}", func(_ int64, left []uint64) bool { return len(left) == 500 }},
		"bytes": {"{rows: 0, bytes: 2MiB}", func(used int64, left []uint64) bool { return used < limit+limit/4 && len(left) < 3000 }},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			config, db := filepath.Join(dir, "echolab.yaml"), filepath.Join(dir, "e.sqlite")
			require.NoError(t, os.WriteFile(config, []byte("retention: "+c.retention), 0o600))
			yesterday(t, db)
			r := run(t, map[string]string{"config": config, "db": db})
			other, err := sql.Open("sqlite", db)
			require.NoError(t, err)
			defer func() { assert.NoError(t, other.Close()) }()
			r.subscribe("presence-online", `{"user_id":"8","user_info":{"name":"Grace"}}`)

			stop, published := make(chan struct{}), make(chan int, 1)
			end := sync.OnceFunc(func() { close(stop) })
			defer end()
			go func() {
				n, pace := 0, time.NewTicker(2*time.Millisecond)
				defer pace.Stop()
				for {
					select {
					case <-stop:
						published <- n
						return
					case <-pace.C:
						status, err := publish(r.URL(), &r.creds, "portal", "New", fmt.Sprintf(`{"needle":"new-%05d"}`, n))
						if err != nil || status != http.StatusOK {
							published <- -1
							return
						}
						n++
					}
				}
			}()
			left := func() (seqs []uint64) {
				for _, e := range r.kept(app.Query{Before: 6001, Oldest: true, Limit: 9000}) {
					if e.Event == "Old" {
						seqs = append(seqs, e.Seq)
					}
				}
				return seqs
			}
			require.Eventually(t, func() bool {
				var used int64
				require.NoError(t, other.QueryRow("SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size").Scan(&used))
				return c.done(used, left())
			}, time.Minute, 20*time.Millisecond)

			// Right afterwards, and still events arrive.
			kept := left()
			require.GreaterOrEqual(t, len(kept), 500)
			for i := range uint64(500) {
				require.Equal(t, 1001+i, kept[i], "what a recording needs is there, and nothing before it")
			}
			find := func(text string) int { return len(r.kept(app.Query{Text: text})) }
			assert.Equal(t, 1, find("old-01234"))
			assert.Zero(t, find("old-00500"))
			assert.Zero(t, find("old-01501"))
			newest := r.kept(app.Query{Event: "New", Limit: 50})
			require.Len(t, newest, 50)
			assert.Equal(t, 1, find(strings.Trim(string(newest[49].Data)[11:], `"}`)))
			_, err = r.StateAt(t.Context(), "", 500)
			assert.ErrorContains(t, err, "entry 500 is not kept any more; the oldest is")
			for at, user := range map[uint64]string{1200: "7", newest[0].Seq: "8"} {
				state, err := r.StateAt(t.Context(), "", at)
				require.NoError(t, err)
				require.Len(t, state.Connections, 1)
				require.Len(t, state.Channels, 1)
				assert.Equal(t, "presence-online", state.Channels[0].Name)
				require.Len(t, state.Channels[0].Members, 1)
				assert.Equal(t, user, state.Channels[0].Members[0].ID, "also who came before what is left")
			}
			end()
			n := <-published
			assert.Len(t, r.kept(app.Query{Event: "New", Limit: 9000}), n, "nothing of what arrived is gone")
			assert.True(t, r.Store().OK)
		})
	}
}
