package store_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/store"
	"echolab/emulator/journal"
)

// visit is what a journal says when Jane is in a room with two tabs and Joe with one.
func visit() []journal.Entry {
	const app, room = "a", "presence-project.1"
	info := []byte(`{"name":"Jane"}`)
	return []journal.Entry{
		{At: at(1), Kind: journal.Opened, App: app, Socket: "1.1"},
		{At: at(2), Kind: journal.Opened, App: app, Socket: "1.2"},
		{At: at(3), Kind: journal.Opened, App: app, Socket: "2.1"},
		{At: at(4), Kind: journal.Subscribed, App: app, Socket: "1.1", Channel: room, User: "jane", Data: info, Count: 1},
		{At: at(5), Kind: journal.Joined, App: app, Socket: "1.1", Channel: room, User: "jane", Data: info, Count: 1},
		{At: at(6), Kind: journal.Subscribed, App: app, Socket: "1.2", Channel: room, User: "jane", Data: info, Count: 2},
		{At: at(7), Kind: journal.Subscribed, App: app, Socket: "2.1", Channel: room, User: "joe", Count: 3},
		{At: at(8), Kind: journal.Joined, App: app, Socket: "2.1", Channel: room, User: "joe", Count: 2},
		{At: at(9), Kind: journal.Subscribed, App: app, Socket: "2.1", Channel: "news", Count: 1},
		{At: at(10), Kind: journal.Unsubscribed, App: app, Socket: "1.1", Channel: room, User: "jane", Count: 2},
		{At: at(11), Kind: journal.Closed, App: app, Socket: "1.1", Note: "1000"},
		{At: at(12), Kind: journal.Whispered, App: app, Socket: "2.1", Channel: room, User: "joe", Event: "client-typing", Count: 1},
		{At: at(13), Kind: journal.Unsubscribed, App: app, Socket: "1.2", Channel: room, User: "jane", Count: 1},
		{At: at(14), Kind: journal.Left, App: app, Socket: "1.2", Channel: room, User: "jane", Count: 1},
	}
}

func (r *rig) presence() []store.Presence {
	r.t.Helper()
	got, err := r.Presence(r.t.Context(), "")
	require.NoError(r.t, err)
	return got
}

func (r *rig) who(channel string, seq uint64) []store.Member {
	r.t.Helper()
	got, err := r.Who(r.t.Context(), "a", channel, seq)
	require.NoError(r.t, err)
	return got
}

func TestPresence_FollowsTheRoom(t *testing.T) {
	const room = "presence-project.1"
	r := start(t, store.Options{}, journal.Options{})
	r.keep(visit()[:11]...)
	assert.Equal(t, []store.Presence{
		{App: "a", User: "jane", Location: room, Online: true, LastSeen: at(10)},
		{App: "a", User: "joe", Location: room, Online: true, LastSeen: at(8)},
	}, r.presence(), "a tab closed is not a user gone")

	r.keep(visit()[11:]...)
	assert.Equal(t, []store.Presence{
		{App: "a", User: "jane", Location: room, LastSeen: at(14)},
		{App: "a", User: "joe", Location: room, Online: true, LastSeen: at(12)},
	}, r.presence())
	db := direct(t, r.path())
	assert.Equal(t, "offline 2026-01-05T09:30:00.000014Z",
		scalar[string](t, db, `SELECT status||' '||last_seen_at FROM user_presence WHERE user_id = 'jane'`))

	other, err := r.Presence(t.Context(), "other")
	require.NoError(t, err)
	assert.Empty(t, other)
}

func TestWho_AtEachMoment(t *testing.T) {
	const room = "presence-project.1"
	r := start(t, store.Options{}, journal.Options{})
	r.keep(visit()...)
	info := []byte(`{"name":"Jane"}`)
	tab1 := store.Member{Socket: "1.1", User: "jane", From: 4, To: 10, Info: info}
	tab2 := store.Member{Socket: "1.2", User: "jane", From: 6, To: 13, Info: info}
	joe := store.Member{Socket: "2.1", User: "joe", From: 7}
	assert.Empty(t, r.who(room, 3))
	assert.Equal(t, []store.Member{tab1}, r.who(room, 4))
	assert.Equal(t, []store.Member{tab1, tab2, joe}, r.who(room, 9))
	assert.Equal(t, []store.Member{tab2, joe}, r.who(room, 10))
	assert.Equal(t, []store.Member{joe}, r.who(room, 13))
	assert.Equal(t, []store.Member{joe}, r.who(room, 1000))
	assert.Empty(t, r.who("news", 8))
	assert.Equal(t, []store.Member{{Socket: "2.1", From: 9}}, r.who("news", 9))
	elsewhere, err := r.Who(t.Context(), "b", room, 9)
	require.NoError(t, err)
	assert.Empty(t, elsewhere)
}

func TestSubscribed_AgainBeginsNoSecondStay(t *testing.T) {
	r := start(t, store.Options{}, journal.Options{})
	in := journal.Entry{Kind: journal.Subscribed, App: "a", Socket: "1.1", Channel: "news"}
	out := journal.Entry{Kind: journal.Unsubscribed, App: "a", Socket: "1.1", Channel: "news"}
	r.keep(in, in, out, out, in)
	assert.Equal(t, []store.Member{{Socket: "1.1", From: 1, To: 3}}, r.who("news", 2))
	assert.Empty(t, r.who("news", 3))
	assert.Equal(t, []store.Member{{Socket: "1.1", From: 5}}, r.who("news", 5))
}

func TestClosed_LeavesWhatWasNotLeft(t *testing.T) {
	const room = "presence-project.1"
	r := start(t, store.Options{}, journal.Options{})
	r.keep(visit()[:9]...)
	r.keep(journal.Entry{At: at(20), Kind: journal.Closed, App: "a", Socket: "1.1", Note: "lost"})
	assert.Equal(t, []store.Presence{
		{App: "a", User: "jane", Location: room, Online: true, LastSeen: at(6)},
		{App: "a", User: "joe", Location: room, Online: true, LastSeen: at(8)},
	}, r.presence(), "jane has another tab")
	r.keep(journal.Entry{At: at(21), Kind: journal.Closed, App: "a", Socket: "1.2", Note: "lost"})
	assert.Equal(t, []store.Presence{
		{App: "a", User: "jane", Location: room, LastSeen: at(21)},
		{App: "a", User: "joe", Location: room, Online: true, LastSeen: at(8)},
	}, r.presence())
	assert.Equal(t, []store.Member{{Socket: "2.1", User: "joe", From: 7}}, r.who(room, 11))

	db := direct(t, r.path())
	assert.Equal(t, "2|10|lost", scalar[string](t, db, `SELECT count(*)||'|'||min(to_seq)||'|'||min(reason) FROM sessions WHERE to_seq IS NOT NULL`))
}

func TestSignedIn_IsOnlineUntilTheLastSocketCloses(t *testing.T) {
	r := start(t, store.Options{}, journal.Options{})
	for i, socket := range []string{"1.1", "1.2"} {
		r.keep(journal.Entry{At: at(int64(i)), Kind: journal.Opened, App: "a", Socket: socket},
			journal.Entry{At: at(int64(i)), Kind: journal.SignedIn, App: "a", Socket: socket, User: "jane"})
	}
	r.keep(journal.Entry{At: at(5), Kind: journal.Closed, App: "a", Socket: "1.1"})
	assert.Equal(t, []store.Presence{{App: "a", User: "jane", Online: true, LastSeen: at(1)}}, r.presence())
	r.keep(journal.Entry{At: at(6), Kind: journal.Closed, App: "a", Socket: "1.2"})
	assert.Equal(t, []store.Presence{{App: "a", User: "jane", LastSeen: at(6)}}, r.presence())
}

func TestOpen_EndsWhatWasLeftOpen(t *testing.T) {
	const room = "presence-project.1"
	r := start(t, store.Options{}, journal.Options{})
	last := r.keep(visit()[:9]...)
	path := r.path()
	r.stop() // cleanly, but without the entries that a server appends when it stops: as after a kill

	again := start(t, store.Options{Path: path}, journal.Options{})
	assert.Equal(t, []store.Presence{
		{App: "a", User: "jane", Location: room, LastSeen: at(9)},
		{App: "a", User: "joe", Location: room, LastSeen: at(9)},
	}, again.presence())
	assert.Len(t, again.who(room, last), 3, "they were there to the last")
	assert.Empty(t, again.who(room, last+1))
	db := direct(t, path)
	assert.Zero(t, scalar[int](t, db, `SELECT count(*) FROM sessions WHERE to_seq IS NULL OR reason <> 'Echolab was killed'`))
	assert.Equal(t, at(9).UnixMicro(), scalar[int64](t, db, `SELECT max(to_us) FROM subscriptions`))

	again.keep(visit()[3:5]...)
	again.keep(journal.Entry{At: time.Now(), Kind: journal.Opened, App: "a", Socket: "1.1"})
	assert.Len(t, again.who(room, again.LastSeq()), 1)
	assert.Equal(t, sql.NullInt64{}, scalar[sql.NullInt64](t, db, `SELECT to_seq FROM sessions ORDER BY from_seq DESC`))
}
