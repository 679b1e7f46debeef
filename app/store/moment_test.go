package store_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/store"
	"echolab/emulator/journal"
)

// stride is how many entries lie between two moments that are looked at.
const stride = 149

// crowd appends n entries of sockets that come, enter and leave channels and go, and tells who was where after every stride-th: per
// socket its channels, nil before the first.
func crowd(r *rig, n int) []map[string]map[string]bool {
	random := rand.New(rand.NewPCG(3, 4))
	now := map[string]map[string]bool{}
	after := make([]map[string]map[string]bool, n+1)
	for i := 1; i <= n; i++ {
		socket, channel := fmt.Sprintf("%d.1", random.IntN(40)), fmt.Sprintf("presence-%d", random.IntN(5))
		e := journal.Entry{App: "a", Socket: socket, Channel: channel, User: "u" + socket, Data: []byte(`{"s":"` + socket + `"}`)}
		in, open := now[socket]
		switch {
		case !open:
			e.Kind, e.Channel, e.User, e.Data = journal.Opened, "", "", nil
			now[socket] = map[string]bool{}
		case random.IntN(10) == 0:
			e.Kind, e.Channel, e.User, e.Data = journal.Closed, "", "", nil
			delete(now, socket)
		case in[channel]:
			e.Kind = journal.Unsubscribed
			delete(in, channel)
		default:
			e.Kind = journal.Subscribed
			in[channel] = true
		}
		r.j.Append(e)
		if i%stride != 1 {
			continue
		}
		after[i] = map[string]map[string]bool{}
		for s, channels := range now {
			after[i][s] = map[string]bool{}
			for c := range channels {
				after[i][s][c] = true
			}
		}
	}
	require.NoError(r.t, r.j.Settled(r.t.Context(), uint64(n)))
	return after
}

func compareMoments(t *testing.T, s *store.Store, after []map[string]map[string]bool, from int) {
	t.Helper()
	for at := from; at < len(after); at += stride {
		m, err := s.Moment(t.Context(), "a", uint64(at))
		require.NoError(t, err)
		got := map[string]map[string]bool{}
		require.Len(t, m.Apps, 1)
		for _, one := range m.Apps[0].Sockets {
			got[one.Socket] = map[string]bool{}
		}
		for _, c := range m.Apps[0].Channels {
			for _, one := range c.Members {
				got[one.Socket][c.Channel] = true
				assert.Equal(t, "u"+one.Socket, one.User)
				assert.JSONEq(t, `{"s":"`+one.Socket+`"}`, string(one.Info))
			}
			who, err := s.Who(t.Context(), "a", c.Channel, uint64(at))
			require.NoError(t, err)
			assert.Equal(t, c.Members, who)
		}
		require.Equal(t, after[at], got, "after entry %d", at)
	}
}

func TestMoment_IsWhatTheEntriesSay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.sqlite")
	r := start(t, store.Options{Path: path, Quiet: time.Millisecond}, journal.Options{})
	after := crowd(r, 10_000)
	awaitIndex(t, r.Store)
	compareMoments(t, r.Store, after, 1)

	// Also when the entries that somebody's stay began with are gone.
	_, err := r.Prune(t.Context(), store.Retention{Rows: 3000}, nil)
	require.NoError(t, err)
	compareMoments(t, r.Store, after, 48*stride+1)
	r.stop()
	other, err := store.OpenToRead(t.Context(), store.Options{Path: path})
	require.NoError(t, err)
	compareMoments(t, other, after, 66*stride+1)
	require.NoError(t, other.Close())
}

func TestMoment_OfAllApps(t *testing.T) {
	r := start(t, store.Options{Dir: t.TempDir(), Apps: []string{"a", "b"}}, journal.Options{})
	r.keep(
		journal.Entry{At: at(1), Kind: journal.Opened, App: "b", Socket: "9.9"},
		journal.Entry{At: at(2), Kind: journal.Opened, App: "a", Socket: "1.1"},
		journal.Entry{At: at(3), Kind: journal.Subscribed, App: "a", Socket: "1.1", Channel: "z"},
		journal.Entry{At: at(4), Kind: journal.Subscribed, App: "a", Socket: "1.1", Channel: "c"},
		journal.Entry{At: at(5), Kind: journal.SignedIn, App: "a", Socket: "1.1", User: "jane"},
		journal.Entry{At: at(6), Kind: journal.Closed, App: "b", Socket: "9.9"},
	)
	a := store.AppMoment{App: "a",
		Sockets: []store.Session{{Socket: "1.1", User: "jane", From: 2, Since: at(2)}},
		Channels: []store.ChannelMoment{{Channel: "c", Members: []store.Member{{Socket: "1.1", From: 4}}},
			{Channel: "z", Members: []store.Member{{Socket: "1.1", From: 3}}}}}
	b := store.AppMoment{App: "b", Sockets: []store.Session{{Socket: "9.9", From: 1, To: 6, Since: at(1)}}, Channels: []store.ChannelMoment{}}
	for _, c := range []struct {
		app  string
		at   uint64
		want store.Moment
	}{
		{"", 5, store.Moment{At: 5, Time: at(5), First: 1, Last: 6, Apps: []store.AppMoment{a, b}}},
		{"", 0, store.Moment{At: 6, Time: at(6), First: 1, Last: 6, Apps: []store.AppMoment{a}}},
		{"b", 1, store.Moment{At: 1, Time: at(1), First: 1, Last: 6, Apps: []store.AppMoment{b}}},
		{"b", 1 << 63, store.Moment{At: 6, Time: at(6), First: 1, Last: 6, Apps: []store.AppMoment{}}},
	} {
		got, err := r.Moment(t.Context(), c.app, c.at)
		require.NoError(t, err)
		assert.Equal(t, c.want, got, "%s at %d", c.app, c.at)
	}
}
