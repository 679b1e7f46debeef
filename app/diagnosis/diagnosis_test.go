package diagnosis_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/diagnosis"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

var at = time.Date(2026, 1, 5, 9, 30, 0, 0, time.UTC)

// facts are of an event that nobody got on a private channel, with five sockets about.
func facts(channel string) diagnosis.Facts {
	return diagnosis.Facts{Event: journal.Entry{Seq: 100, At: at, Kind: journal.Published, App: "portal", Channel: channel, Event: "E", Data: []byte(`{}`)},
		Kind: &pusher.Kind{Private: true}, Connected: 5}
}

func on(channel string, n int) diagnosis.Channel {
	ch := diagnosis.Channel{Name: channel}
	for i := range n {
		ch.Subscribers = append(ch.Subscribers, diagnosis.Subscriber{Socket: fmt.Sprintf("1.%d", i)})
	}
	return ch
}

func cause(t *testing.T, d diagnosis.Diagnosis, name string) diagnosis.Cause {
	t.Helper()
	for _, c := range d.Causes {
		if c.Name == name {
			return c
		}
	}
	require.Failf(t, "no such cause", "%s in %+v", name, d.Causes)
	return diagnosis.Cause{}
}

func TestOf_NearNames(t *testing.T) {
	for _, row := range []struct{ event, there, says string }{
		{"client.5", "private-client.5", "two channels"},
		{"private-client.5", "private-encrypted-client.5", "two channels"},
		{"private-client.5", "PRIVATE-client.5", "Upper and lower"},
		{"presence-presence-project.1", "presence-project.1", "PresenceChannel adds presence- by itself"},
		{"private-project.1", "presence-presence-project.1", "Echo.join('presence-project.1') adds presence-"},
		{"private-User.7", "private-App.Models.User.7", "App.Models.User"},
		{"private-users.7", "presence-App.User.7", "App.Models.User"},
		{"presence-online", "private-presence.online", "Dots, hyphens"},
		{"private-rates", "private-cache-rates", "Dots, hyphens"},
		{"private-client.5", "private-client.6", ""},
		{"private-User.7", "private-User.8", ""},
		{"private-client.5", "client", ""},
	} {
		f := facts(row.event)
		f.Channels = []diagnosis.Channel{on(row.there, 2)}
		d := diagnosis.Of(f)
		if row.says == "" {
			for _, c := range d.Causes {
				assert.NotEqual(t, "near_name", c.Name, "%s is not taken for %s", row.event, row.there)
			}
			continue
		}
		c := cause(t, d, "near_name")
		assert.Contains(t, c.What, row.says, row.there)
		assert.False(t, c.Certain)
	}
}

func TestOf_TheNearestNamesFirstAndThreeAtMost(t *testing.T) {
	f := facts("private-project.1")
	f.Channels = []diagnosis.Channel{on("private-project-1", 9), on("presence-presence-project.1", 1), on("presence-project.1", 1), on("project.1", 4), on("project_1", 9)}
	var says []string
	for _, c := range diagnosis.Of(f).Causes {
		if c.Name == "near_name" {
			says = append(says, c.What[:len("4 sockets were on pr")])
		}
	}
	assert.Equal(t, []string{"4 sockets were on pr", "1 socket was on pres", "1 socket was on pres"}, says)
}

func TestOf_WhatIsNotKnownIsSaid(t *testing.T) {
	f := facts("private-client.5")
	f.Connected, f.Unknown = 0, "the database does not have entry 100"
	d := diagnosis.Of(f)
	assert.Equal(t, []diagnosis.Cause{{Name: "unknown", What: "Who was subscribed then is not known any more: the database does not have entry 100."}}, d.Causes)
	assert.Empty(t, d.Got)
}

func TestOf_WhoGotItOnlyWhenItIsExact(t *testing.T) {
	f := facts("private-client.5")
	f.Channels = []diagnosis.Channel{on("private-client.5", 3)}
	f.Event.Count = 3
	assert.Len(t, diagnosis.Of(f).Got, 3)
	f.Event.Count = 2 // one was being disconnected: which?
	assert.Empty(t, diagnosis.Of(f).Got)
	f.Event.Socket = "1.1"
	assert.Equal(t, []diagnosis.Subscriber{{Socket: "1.0"}, {Socket: "1.2"}}, diagnosis.Of(f).Got)
	f.Channels[0], f.Event.Count, f.Event.Socket = on("private-client.5", 500), 500, ""
	assert.Len(t, diagnosis.Of(f).Got, diagnosis.MostGot)
}

func TestOf_Times(t *testing.T) {
	for span, says := range map[time.Duration]string{
		100 * time.Microsecond: "less than 1 ms later", 340 * time.Millisecond: "340 ms later", 2100 * time.Millisecond: "2.1 s later", 59 * time.Second: "59.0 s later",
	} {
		f := facts("private-client.5")
		f.Later = []journal.Entry{{Seq: 101, At: at.Add(span), Kind: journal.Subscribed, Socket: "9.9", User: "7"}}
		c := cause(t, diagnosis.Of(f), "late")
		assert.Equal(t, "Socket 9.9 (user 7) subscribed "+says+": too late for this event.", c.What)
		assert.Equal(t, uint64(101), c.Entry)
	}
}

// TestOf_ACacheChannelKeepsOnlyItsLastEvent: what came between took this one's place.
func TestOf_ACacheChannelKeepsOnlyItsLastEvent(t *testing.T) {
	f := facts("cache-rates")
	f.Kind = &pusher.Kind{Cache: true}
	newcomer := journal.Entry{Seq: 103, At: at.Add(time.Second), Kind: journal.Subscribed, Socket: "9.9"}
	f.Later = []journal.Entry{newcomer}
	assert.Contains(t, cause(t, diagnosis.Of(f), "late").What, "and got it then")
	f.Later = []journal.Entry{{Seq: 102, At: at, Kind: journal.Published}, newcomer}
	assert.Contains(t, cause(t, diagnosis.Of(f), "late").What, "too late")
	newcomer.Note = journal.NoteCacheMiss
	f.Later = []journal.Entry{newcomer}
	assert.Contains(t, cause(t, diagnosis.Of(f), "late").What, "too late")
}

// TestOf_IsNotCertainOfListeners: Echo alone knows them, so every cause about them says if.
func TestOf_IsNotCertainOfListeners(t *testing.T) {
	for _, event := range []string{"InvoiceCreated", `App\Events\InvoiceCreated`, `Other\Paid`, "client-typing", `Illuminate\Notifications\Events\BroadcastNotificationCreated`, `App\Events\`, ""} {
		for _, data := range []string{"", "text", `"text"`, `{"id":1}`, "[]"} {
			f := facts("private-User.7")
			f.Channels = []diagnosis.Channel{on("private-User.7", 1), on("private-App.Models.User.7", 1)}
			f.Event.Count, f.Event.Event, f.Event.Data = 1, event, []byte(data)
			for _, c := range diagnosis.Of(f).Causes {
				assert.False(t, c.Certain, c.What)
				assert.Regexp(t, "^If ", c.What)
			}
		}
	}
}

func TestListen_OfAUsersOwnChannel(t *testing.T) {
	assert.Equal(t, "Echo.connector.pusher.user.bind('Greeting', console.log);", diagnosis.Listen("#server-to-user-7", "Greeting"))
}

// TestOf_EachRefusalHasItsOwnAdvice: by the note, also that of an older database.
func TestOf_EachRefusalHasItsOwnAdvice(t *testing.T) {
	for note, says := range map[string][2]string{
		"404 the rule file.{id} aborts":                                                        {": 404 the rule file.{id} aborts.", "The rule of Broadcast::channel('file.{id}') calls abort()"},
		"403 the rule file.{id} says neither yes nor no":                                       {"neither yes nor no.", "The rule of Broadcast::channel('file.{id}') in routes/channels.php has to return true for that user; it returned nothing"},
		"500 the rule file.{id} failed: cannot fetch x from <nil> (1:60)\n | user.x\n | ....^": {"failed: cannot fetch x from <nil> (1:60).", "has an error of its own"},
		"419 something else": {": 419 something else.", "Look at the answer of POST /broadcasting/auth"},
	} {
		f := facts("private-file.5")
		f.Past = []journal.Entry{{Seq: 99, At: at, Kind: journal.Refused, Event: diagnosis.RefusedAuth, Channel: "private-file.5", Note: note}}
		c := cause(t, diagnosis.Of(f), "refused")
		assert.True(t, strings.HasSuffix(c.What, says[0]), c.What)
		assert.Contains(t, c.Do, says[1], note)
	}
}
