package laravel_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/laravel"
	"echolab/emulator/pusher"
)

const ttl = laravel.DefaultTTL

// TestK6_PresenceService_TTLIsExact: to the nanosecond, with or without a kill in between, and whoever looks first.
func TestK6_PresenceService_TTLIsExact(t *testing.T) {
	moments := []struct {
		name  string
		after time.Duration
		here  bool
	}{
		{"TTL-1ns", ttl - 1, true},
		{"TTL", ttl, false},
		{"TTL+1ns", ttl + 1, false},
	}
	looks := map[string]func(*syncRig){
		"question":  func(d *syncRig) { d.online() },
		"viewers":   func(d *syncRig) { _, _ = d.b.Viewers(d.t.Context(), "", laravel.ID{}) },
		"sweep":     func(d *syncRig) { d.sweep() },
		"heartbeat": func(d *syncRig) { d.beat("7") },
	}
	for _, m := range moments {
		for look, what := range looks {
			for _, killed := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, killed %t", m.name, look, killed), func(t *testing.T) {
					d := openSync(t)
					d.clock.advance(3) // no whole microsecond
					d.beat("7")
					assert.Equal(t, []string{"7 online"}, d.transitions())
					if killed {
						d.kill()
						assert.Equal(t, []string{"7"}, d.online(), "a restart makes nobody leave")
					}
					d.clock.advance(m.after)
					what(d)
					var want []string
					switch {
					case m.here:
						want = []string{}
					case look == "heartbeat": // gone and back, though nobody had looked
						want = []string{"7 offline", "7 online"}
					default:
						want = []string{"7 offline"}
					}
					assert.Equal(t, want, d.transitions())
				})
			}
		}
	}
}

// sweep is one round of what Run does, at the moment that it is.
func (d *syncRig) sweep() {
	d.t.Helper()
	stop := d.run()
	defer stop()
	<-d.clock.asked
	now := d.clock.Now()
	d.clock.mu.Lock()
	for came := range d.clock.waiting { // its tick comes now
		came <- now
		delete(d.clock.waiting, came)
	}
	d.clock.mu.Unlock()
	<-d.clock.asked // it has gone round
}

// TestK6_PresenceService_SweepTells: nobody asks, and still it is told, at most one sweep after the TTL.
func TestK6_PresenceService_SweepTells(t *testing.T) {
	d := openSync(t)
	stop := d.run()
	defer stop()
	<-d.clock.asked
	d.beat("7")
	d.transitions()
	told := time.Duration(0)
	for told < 2*ttl {
		d.clock.advance(laravel.DefaultSweep)
		<-d.clock.asked
		told += laravel.DefaultSweep
		if got := d.transitions(); len(got) > 0 {
			assert.Equal(t, []string{"7 offline"}, got)
			break
		}
	}
	assert.Equal(t, ttl, told)
	d.clock.advance(laravel.DefaultSweep)
	<-d.clock.asked
	assert.Empty(t, d.transitions(), "once")
}

// TestK6_PresenceService_AClockSetBack keeps nobody for longer than a TTL, and sends nobody away.
func TestK6_PresenceService_AClockSetBack(t *testing.T) {
	d := openSync(t)
	d.beat("7")
	d.clock.advance(-time.Hour)
	assert.Equal(t, []string{"7"}, d.online())
	d.clock.advance(ttl - 1)
	assert.Equal(t, []string{"7"}, d.online())
	d.clock.advance(1)
	assert.Empty(t, d.online())

	d.beat("7")
	d.clock.advance(-time.Hour)
	d.beat("7") // the first sign of life in the new time
	d.clock.advance(ttl - 1)
	assert.Equal(t, []string{"7"}, d.online())
	d.clock.advance(1)
	assert.Empty(t, d.online())
	assert.Equal(t, []string{"7 online", "7 offline", "7 online", "7 offline"}, d.transitions())
}

func TestK6_PresenceService_TellsTransitionsOnly(t *testing.T) {
	d := openSync(t)
	for range 5 {
		d.ask("7", "POST", "/api/sync/heartbeat", `{"location":"Projects"}`)
	}
	d.ask("7", "POST", "/api/sync/heartbeat", `{"location":"Invoices"}`)
	d.beat("7")
	events := d.events("UserPresenceChanged")
	require.Len(t, events, 1)
	assert.JSONEq(t, `{"user":{"id":7,"name":"Ben"},"status":"online","location":"Projects","last_seen_at":"2026-03-01T12:00:00.000000Z"}`, events[0])
	d.clock.advance(ttl)
	assert.Empty(t, d.online())
	events = d.events("UserPresenceChanged")
	require.Len(t, events, 1)
	assert.JSONEq(t, `{"user":{"id":7,"name":"Ben"},"status":"offline","location":"Invoices","last_seen_at":"2026-03-01T12:00:00.000000Z"}`, events[0])
	d.ask("7", "POST", "/api/sync/heartbeat", `{"status":"offline"}`)
	assert.Empty(t, d.transitions(), "whoever is gone cannot leave")
	d.beat("7")
	d.ask("7", "POST", "/api/sync/heartbeat", `{"status":"offline"}`)
	assert.Equal(t, []string{"7 online", "7 offline"}, d.transitions())
	assert.Empty(t, d.online())
}

// TestK6_PresenceService_WritesAreBounded: a heartbeat that changes nothing is written once an eighth of the TTL, so a kill
// makes last_seen_at at most that much older than it was; a clean stop does not.
func TestK6_PresenceService_WritesAreBounded(t *testing.T) {
	const stale = ttl / 8
	row := func(d *syncRig) string { return string(d.rows.of(laravel.PresenceRows)["7"]) }
	d := openSync(t)
	d.beat("7")
	assert.JSONEq(t, `{"user_id":7,"location":null,"status":"online","last_seen_at":"2026-03-01T12:00:00.000000000Z"}`, row(d))
	first := d.rows.count()
	for range 14 {
		d.clock.advance(time.Second)
		d.beat("7")
	}
	assert.Equal(t, first, d.rows.count())
	d.clock.advance(stale - 14*time.Second)
	d.beat("7")
	assert.Equal(t, first+1, d.rows.count())
	assert.Contains(t, row(d), `"last_seen_at":"2026-03-01T12:00:15.000000000Z"`)

	d.clock.advance(stale - 1)
	d.beat("7")
	stop := d.run()
	<-d.clock.asked
	stop()
	assert.Contains(t, row(d), `"last_seen_at":"2026-03-01T12:00:29.999999999Z"`)
	d.ask("7", "POST", "/api/sync/heartbeat", `{"location":"Projects"}`)
	assert.Contains(t, row(d), `"location":"Projects"`, "what changes is written at once")
}

// TestK6_TrackPresence: each request of a known user is a heartbeat with the route's name; the heartbeat names its own.
func TestK6_TrackPresence(t *testing.T) {
	d := openSync(t)
	for _, c := range []struct{ user, method, path, body, want string }{
		{"7", "GET", "/api/sync/activities", "", "7@sync.activities"},
		{"7", "POST", "/api/sync/heartbeat", "", "7@sync.activities"},
		{"7", "POST", "/api/sync/heartbeat", `{"location":"Projects"}`, "7@Projects"},
		{"7", "POST", "/broadcasting/auth", `{}`, "7@broadcasting.auth"},
		{"7", "GET", "/api/sync/activities?limit=x", "", "7@sync.activities"},
		{"", "GET", "/api/sync/online-users", "", "7@sync.activities"},
		{"99", "GET", "/api/sync/online-users", "", "7@sync.activities"},
	} {
		d.ask(c.user, c.method, c.path, c.body)
		assert.Equal(t, []string{c.want}, d.online(), "%s %s %s", c.method, c.path, c.body)
	}
	assert.Equal(t, []string{"7 online"}, d.transitions())
}

func TestK6_Viewing_EndsWithPresence(t *testing.T) {
	viewers := func(d *syncRig) []string {
		all, err := d.b.Viewers(t.Context(), "", laravel.ID{})
		require.NoError(t, err)
		found := []string{}
		for _, v := range all {
			found = append(found, fmt.Sprintf("%s %s %s", v.Name, v.Type, v.Row))
		}
		return found
	}
	d := openSync(t)
	d.ask("7", "POST", "/api/sync/start-viewing", `{"resource_type":"project","resource_id":1}`)
	d.clock.advance(time.Second)
	d.ask("1", "POST", "/api/sync/start-viewing", `{"resource_type":"project","resource_id":1}`)
	d.ask("1", "POST", "/api/sync/start-viewing", `{"resource_type":"document","resource_id":9}`)
	want := []string{"Ada document 9", "Ben project 1", "Ada project 1"}
	assert.Equal(t, want, viewers(d))
	d.kill()
	assert.Equal(t, want, viewers(d), "a kill ends nothing")
	d.clock.advance(ttl - time.Second)
	assert.Equal(t, []string{"Ada document 9", "Ada project 1"}, viewers(d), "Ben has gone offline")
	d.ask("1", "POST", "/api/sync/heartbeat", `{"status":"offline"}`)
	assert.Empty(t, viewers(d))
	assert.Empty(t, d.rows.of(laravel.Viewers))
	d.beat("7")
	assert.Empty(t, viewers(d), "coming back begins nothing")
}

func TestK6_Viewing_IsBounded(t *testing.T) {
	d := openSync(t)
	for n := range 101 {
		d.ask("7", "POST", "/api/sync/start-viewing", fmt.Sprintf(`{"resource_type":"page","resource_id":%d}`, n+1000))
	}
	all, err := d.b.Viewers(t.Context(), "", laravel.ID{})
	require.NoError(t, err)
	assert.Len(t, all, 100)
	assert.Equal(t, "1001", all[0].Row.String())
	assert.Len(t, d.rows.of(laravel.Viewers), 100)
}

// TestK6_PresenceService_IsKeptBeforeItIsTold: stored, then emitted, then answered.
func TestK6_PresenceService_IsKeptBeforeItIsTold(t *testing.T) {
	d := openSync(t)
	d.onPublish = func(p pusher.Publication) error {
		assert.Contains(t, string(d.rows.of(laravel.PresenceRows)["7"]), `"online"`)
		assert.Equal(t, []string{"presence-online"}, p.Channels)
		return errors.New("nobody listens")
	}
	d.beat("7")
	assert.Equal(t, []string{"7"}, d.online(), "who could not be announced is here all the same")
	d.rows.broken = errDisk
	status, answer := d.ask("8", "POST", "/api/sync/heartbeat", "")
	assert.Equal(t, 500, status)
	assert.Contains(t, answer, "Server Error")
}

// TestK6_PresenceService_AThousandAtOnce: every user's transitions are told in their order and end with what is.
func TestK6_PresenceService_AThousandAtOnce(t *testing.T) {
	const users, rounds = 1000, 3
	d := openSync(t, func(a *laravel.Application) {
		for n := range users {
			a.Users = append(a.Users, laravel.User{ID: laravel.IntID(int64(1000 + n)), Name: fmt.Sprint("User ", n), Role: "client"})
		}
	})
	stop := d.run()
	var all sync.WaitGroup
	for n := range users {
		user := fmt.Sprint(1000 + n)
		all.Go(func() {
			for round := range rounds {
				d.ask(user, "POST", "/api/sync/heartbeat", `{"location":"Projects"}`)
				d.ask(user, "POST", "/api/sync/start-viewing", fmt.Sprintf(`{"resource_type":"page","resource_id":%d}`, 1000+n%50))
				if round < rounds-1 || n%2 == 0 {
					d.ask(user, "POST", "/api/sync/heartbeat", `{"status":"offline"}`)
				}
			}
		})
	}
	all.Go(func() {
		for range 20 {
			d.online()
		}
	})
	all.Wait()
	stop()
	last := map[string]string{}
	for _, line := range d.transitions() {
		user, status, _ := strings.Cut(line, " ")
		assert.NotEqual(t, status, last[user], "user %s is told twice to be %s", user, status)
		last[user] = status
	}
	require.Len(t, last, users)
	assert.Len(t, d.online(), users/2)
	assert.Len(t, d.rows.of(laravel.Viewers), users/2)
	rows := d.rows.of(laravel.PresenceRows)
	for n := range users {
		user := fmt.Sprint(1000 + n)
		want := []string{"offline", "online"}[n%2]
		assert.Equal(t, want, last[user])
		assert.Contains(t, string(rows[user]), `"`+want+`"`)
	}
	assert.Less(t, d.rows.count(), users*rounds*3, "commits are shared")
}
