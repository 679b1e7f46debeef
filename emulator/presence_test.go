package emulator_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"sort"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator"
	"echolab/emulator/journal"
)

const room = "presence-room"

// roster is what a presence confirmation lists.
type roster struct {
	Count int
	IDs   []json.RawMessage
	Hash  map[string]json.RawMessage
}

func rosterOf(t testing.TB, m message) roster {
	t.Helper()
	require.Equal(t, "pusher_internal:subscription_succeeded", m.Event, string(m.Data))
	var data struct{ Presence roster }
	require.NoError(t, json.Unmarshal([]byte(m.text()), &data), m.text())
	return data.Presence
}

// ids are the roster's ids as JSON texts, in order.
func (r roster) ids() []string {
	ids := []string{}
	for _, id := range r.IDs {
		ids = append(ids, string(id))
	}
	return ids
}

// userOf is the user_id in member_added and member_removed.
func userOf(t testing.TB, m message) string {
	t.Helper()
	var data struct {
		ID json.RawMessage `json:"user_id"`
	}
	require.NoError(t, json.Unmarshal([]byte(m.text()), &data), m.text())
	return string(data.ID)
}

func (c *socket) leave(channel string) {
	c.t.Helper()
	c.send(map[string]any{"event": "pusher:unsubscribe", "data": map[string]string{"channel": channel}})
}

func TestPresence_TabsOfAUserAreOneMember(t *testing.T) {
	s := start(t, emulator.Config{})
	watcher := s.connect()
	watcher.join(room, member("w"))
	tabs := []*socket{s.connect(), s.connect(), s.connect()}
	for i, tab := range tabs {
		r := rosterOf(t, tab.join(room, `{"user_id":"7","user_info":`+strconv.Itoa(i)+`}`))
		assert.Equal(t, []string{`"w"`, `"7"`}, r.ids())
		assert.Equal(t, "0", string(r.Hash["7"]), "the oldest tab's user_info")
	}
	assert.Equal(t, []string{"pusher_internal:member_added " + room}, events(watcher.frames()))
	tabs[0].abort()
	s.state(func(st emulator.State) bool { return st.Connections == 3 })
	late := s.connect()
	assert.Equal(t, "1", string(rosterOf(t, late.join(room, member("late"))).Hash["7"]), "the next tab's")
	tabs[1].leave(room)
	tabs[1].frames()
	assert.Equal(t, []string{"pusher_internal:member_added " + room}, events(watcher.frames()), "only late came; 7 is still there")
	_ = tabs[2].ws.Close()
	m := watcher.until("pusher_internal:member_removed")
	assert.Equal(t, `"7"`, userOf(t, m))
	assert.Empty(t, watcher.frames())
}

func TestPresence_MembersAreInTheOrderOfTheirOldestSocket(t *testing.T) {
	s := start(t, emulator.Config{})
	a1, b, a2, c := s.connect(), s.connect(), s.connect(), s.connect()
	a1.join(room, member("a"))
	b.join(room, member("b"))
	a2.join(room, member("a"))
	assert.Equal(t, []string{`"a"`, `"b"`, `"c"`}, rosterOf(t, c.join(room, member("c"))).ids())
	a1.leave(room)
	a1.frames()
	assert.Equal(t, []string{`"b"`, `"a"`, `"c"`}, rosterOf(t, c.join(room, member("c"))).ids(), "a is only there since a2 came")
	// Joining again keeps a socket's place, as in Reverb.
	b2 := s.connect()
	b2.join(room, `{"user_id":"b","user_info":"second"}`)
	r := rosterOf(t, b.join(room, `{"user_id":"b","user_info":"first, anew"}`))
	assert.Equal(t, []string{`"b"`, `"a"`, `"c"`}, r.ids())
	assert.Equal(t, `"first, anew"`, string(r.Hash["b"]))
	// As another user who is there already, too: that one now has an older socket.
	r = rosterOf(t, b.join(room, member("c")))
	assert.Equal(t, []string{`"c"`, `"a"`, `"b"`}, r.ids())
	status, answer := s.call("GET", "/apps/"+s.app.ID+"/channels/"+room+"/users", nil, "")
	assert.Equal(t, 200, status)
	assert.JSONEq(t, `{"users":[{"id":"c"},{"id":"a"},{"id":"b"}]}`, answer)
}

func TestPresence_NumbersAndStringsAreOneUser(t *testing.T) {
	s := start(t, emulator.Config{})
	watcher, number, text := s.connect(), s.connect(), s.connect()
	watcher.join(room, member("w"))
	number.join(room, `{"user_id":42,"user_info":1}`)
	r := rosterOf(t, text.join(room, `{"user_id":"42","user_info":2}`))
	assert.Equal(t, []string{`"w"`, `42`}, r.ids(), "the first gives the type")
	assert.Equal(t, 2, r.Count)
	number.leave(room)
	number.frames()
	text.send(`{"event":"client-a","channel":"` + room + `","data":{}}`)
	text.frames()
	assert.Equal(t, []string{"pusher_internal:member_added " + room, "client-a " + room}, events(watcher.frames()))
	text.leave(room)
	text.frames()
	left := watcher.frames()
	require.Len(t, left, 1)
	assert.Equal(t, `"42"`, userOf(t, left[0]), "the last gives the type")
}

func TestPresence_ASocketThatJoinsAsAnotherUserLeavesNoGhost(t *testing.T) {
	s := start(t, emulator.Config{})
	watcher, c := s.connect(), s.connect()
	watcher.join(room, member("w"))
	c.join(room, member("7"))
	assert.Equal(t, []string{`"w"`, `"8"`}, rosterOf(t, c.join(room, member("8"))).ids())
	var told []string
	for _, m := range watcher.frames() {
		told = append(told, m.Event[len("pusher_internal:"):]+" "+userOf(t, m))
	}
	assert.Equal(t, []string{`member_added "7"`, `member_removed "7"`, `member_added "8"`}, told)
	c.abort()
	assert.Equal(t, `"8"`, userOf(t, watcher.until("pusher_internal:member_removed")))
	assert.Equal(t, []string{`"w"`}, rosterOf(t, watcher.join(room, member("w"))).ids())
	assert.Empty(t, watcher.frames(), "joining again as the same user tells nobody")
}

func TestPresence_MembersWithoutIDOrInfo(t *testing.T) {
	s := start(t, emulator.Config{})
	ada, nameless, bare, late := s.connect(), s.connect(), s.connect(), s.connect()
	ada.join(room, member("7"))
	assert.Equal(t, `{"presence":{"count":0,"ids":[],"hash":[]}}`, nameless.join(room, `{"user_info":{"x":1}}`).text(), "as Reverb: nobody is here")
	assert.Equal(t, `{"presence":{"count":0,"ids":[],"hash":[]}}`, bare.join(room, `{"user_id":"8"}`).text())
	nameless.abort()
	s.state(func(st emulator.State) bool { return st.Connections == 3 })
	late.subscribe(room, member("9"))
	assert.Equal(t, 4200, late.code(), "a member without user_info is in the way of every newcomer")
	assert.Len(t, ada.frames(), 3, "though all were announced, and the one without an id left unseen")
	bare.leave(room)
	bare.frames()
	assert.Equal(t, []string{`"7"`, `"9"`}, rosterOf(t, late.join(room, member("9"))).ids())
	// A second tab without user_info is not: the first one's counts.
	tab := s.connect()
	assert.Equal(t, 2, rosterOf(t, tab.join(room, `{"user_id":"7"}`)).Count)
}

// TestPresence_ChurnLeavesTheTruth lets 200 sockets of 40 users come and go at random, some without a word, and then
// compares the roster with who is still there. Watchers never hear of a join twice or of a leave for nothing.
func TestPresence_ChurnLeavesTheTruth(t *testing.T) {
	const sockets, users, steps = 200, 40, 12
	s := start(t, emulator.Config{})
	watchers := make([]*socket, 3)
	for i := range watchers {
		watchers[i] = s.connect()
		watchers[i].join(room, member("watcher"+strconv.Itoa(i)))
	}
	var mu sync.Mutex
	truth := map[string]int{}
	for i := range watchers {
		truth["watcher"+strconv.Itoa(i)]++
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	var wg sync.WaitGroup
	gate := make(chan struct{}, 32)
	for i := range sockets {
		wg.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			user := "u" + strconv.Itoa(random.IntN(users))
			c := s.connect()
			inside := false
			for range 1 + random.IntN(steps) {
				switch random.IntN(5) {
				case 0, 1:
					c.join(room, member(user))
					inside = true
				case 2:
					c.leave(room)
					inside = false
				case 3:
					user = "u" + strconv.Itoa(random.IntN(users)) // joins again as another, or later as this one
					if inside {
						c.join(room, member(user))
					}
				case 4:
					_ = c.ws.SetReadDeadline(time.Now().Add(5 * time.Second))
					c.frames()
				}
			}
			switch random.IntN(3) {
			case 0:
				c.abort()
			case 1:
				_ = c.ws.Close()
			default:
				c.frames()
				if inside {
					mu.Lock()
					truth[user]++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	sum := 0
	for _, n := range truth {
		sum += n
	}
	s.state(func(st emulator.State) bool {
		return len(st.Channels) == 1 && st.Channels[0].Subscriptions == sum && len(st.Channels[0].Members) == len(truth)
	})
	got := map[string]int{}
	for _, m := range s.srv.Snapshot(s.app.ID).Channels[0].Members {
		got[m.ID] = m.Sockets
	}
	assert.Equal(t, truth, got)

	want := []string{}
	for user := range truth {
		want = append(want, user)
	}
	sort.Strings(want)
	for i, w := range watchers {
		known := map[string]bool{}
		for j := 0; j <= i; j++ {
			known["watcher"+strconv.Itoa(j)] = true
		}
		for _, m := range w.frames() {
			var data struct {
				ID string `json:"user_id"`
			}
			require.NoError(t, json.Unmarshal([]byte(m.text()), &data))
			switch m.Event {
			case "pusher_internal:member_added":
				require.False(t, known[data.ID], "%s joined twice", data.ID)
				known[data.ID] = true
			case "pusher_internal:member_removed":
				require.True(t, known[data.ID], "%s left and was not there", data.ID)
				delete(known, data.ID)
			default:
				t.Fatalf("unexpected %s", m.Event)
			}
		}
		seen := []string{}
		for user := range known {
			seen = append(seen, user)
		}
		sort.Strings(seen)
		assert.Equal(t, want, seen, "what watcher %d made of it", i)
	}
	r := rosterOf(t, watchers[0].join(room, member("watcher0")))
	ids := make([]string, 0, len(r.IDs))
	for _, id := range r.IDs {
		var text string
		require.NoError(t, json.Unmarshal(id, &text))
		ids = append(ids, text)
	}
	assert.Equal(t, `"watcher0"`, string(r.IDs[0]), "the first to come")
	assert.Equal(t, len(ids), r.Count)
	slices.Sort(ids)
	assert.Equal(t, want, ids)
}

func TestPresence_OneSocketInManyChannelsLeavesThemAll(t *testing.T) {
	s := start(t, emulator.Config{})
	c, watcher := s.connect(), s.connect()
	for i := range 50 { // beyond the length at which subscriptions are indexed
		c.join("presence-"+strconv.Itoa(i), member("7"))
		watcher.join("presence-"+strconv.Itoa(i), member("w"))
	}
	for i := range 10 {
		c.leave("presence-" + strconv.Itoa(i*5))
	}
	c.frames()
	assert.Len(t, watcher.frames(), 10)
	c.send(`{"event":"client-a","channel":"presence-5","data":{}}`)
	assert.Equal(t, 4009, c.code(), "left")
	c.send(`{"event":"client-a","channel":"presence-6","data":{}}`)
	c.frames()
	assert.Equal(t, []string{"client-a presence-6"}, events(watcher.frames()))
	tail := s.watch()
	c.abort()
	assert.Equal(t, "the connection was lost", entry(t, tail, journal.Closed).Note)
	assert.Len(t, watcher.frames(), 40)
	watcher.abort()
	s.state(empty)
	status, answer := s.call("GET", "/apps/"+s.app.ID+"/connections", nil, "")
	assert.Equal(t, 200, status)
	assert.JSONEq(t, `{"connections":0}`, answer)
}
