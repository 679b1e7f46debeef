package laravel_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/laravel"
	"echolab/emulator/pusher"
)

// The rows of protocol K.9 that concern events, in both modes. X3, X15, X16, X17, X19 and X20 are in auth_k9_test.go, X9 in
// notify_test.go, X13, X14 and X18, which need a server, in package app's k9_test.go.

// sentOn is one event on one channel.
type sentOn struct{ event, channel string }

func flat(all []pusher.Publication) (out []sentOn) {
	for _, p := range all {
		for _, channel := range p.Channels {
			out = append(out, sentOn{strings.TrimPrefix(p.Event, `App\Events\`), channel})
		}
	}
	return out
}

// k9 is what an event is sent on in both modes.
type k9 struct {
	event     string
	params    map[string]any
	asWritten []sentOn
	fixed     []sentOn
}

func (row k9) check(t *testing.T) {
	t.Helper()
	for mode, want := range map[laravel.Mode][]sentOn{laravel.AsWritten: row.asWritten, laravel.Fixed: row.fixed} {
		assert.Equal(t, want, flat(occur(t, mode, laravel.Occurrence{Event: row.event, Params: row.params})), mode)
	}
}

// The server is right in both modes: what is wrong is the guide's listener, so the catalogue says how to listen.
func TestK9_X1_TheShortNameNeedsADotInListen(t *testing.T) {
	for _, mode := range []laravel.Mode{laravel.AsWritten, laravel.Fixed} {
		b, _ := backend(t, mode, portal())
		hear := map[string]string{}
		for _, l := range b.Catalogue() {
			hear[l.Name] = l.Wire + " " + l.Hear
		}
		assert.Equal(t, "InvoiceCreated .listen('.InvoiceCreated', …)", hear["InvoiceCreated"])
		assert.Equal(t, `App\Events\ProjectUpdated .listen('ProjectUpdated', …)`, hear["ProjectUpdated"])
	}
}

func TestK9_X2_TheInvoiceStandsBesideTheFlatFields(t *testing.T) {
	o := laravel.Occurrence{Event: "InvoiceCreated", Params: map[string]any{"invoiceId": 42}}
	assert.Equal(t, `{"id":42,"invoice_number":"INV-0042","total":"1250.00"}`, occur(t, laravel.AsWritten, o)[0].Data)
	assert.Equal(t, `{"id":42,"invoice_number":"INV-0042","total":"1250.00",`+
		`"invoice":{"id":42,"client_id":5,"invoice_number":"INV-0042","total":"1250.00","status":"sent"}}`, occur(t, laravel.Fixed, o)[0].Data)
}

func TestK9_X4_ViewersOfAProjectGetItsEvents(t *testing.T) {
	for _, event := range []string{"CommentAdded", "FileDeleted"} {
		k9{event, map[string]any{"projectId": 1},
			[]sentOn{{event, "private-project.1"}},
			[]sentOn{{event, "private-project.1"}, {event, "presence-presence-project.1"}}}.check(t)
	}
}

func TestK9_X5_MembersAndEventMeetOnOneChannel(t *testing.T) {
	k9{"UserPresenceChanged", nil,
		[]sentOn{{"UserPresenceChanged", "private-presence.online"}}, []sentOn{{"UserPresenceChanged", "presence-online"}}}.check(t)
}

// As a public channel it is one that Reverb wants a signature for; the events of the guide never use it.
func TestK9_X6_APublicChannelThatLooksLikePresenceIsWarnedOf(t *testing.T) {
	for _, mode := range []laravel.Mode{laravel.AsWritten, laravel.Fixed} {
		b, _ := backend(t, mode, portal())
		c, err := b.Compose(laravel.Occurrence{Event: "Announcement", Channels: []string{"presence.client.5"}})
		require.NoError(t, err)
		assert.Equal(t, []string{"presence.client.5"}, c.Publications[0].Channels)
		require.Len(t, c.Notes, 1)
		assert.Contains(t, c.Notes[0], "write it as presence-presence.client.5")
	}
}

func TestK9_X7_TheUsersChannelIsThatOfTheModel(t *testing.T) {
	k9{"TimeEntryUpdated", map[string]any{"timeEntryId": 11},
		[]sentOn{{"TimeEntryUpdated", "private-User.7"}, {"TimeEntryUpdated", "private-project.1"}},
		[]sentOn{{"TimeEntryUpdated", "private-App.Models.User.7"}, {"TimeEntryUpdated", "private-project.1"}, {"TimeEntryUpdated", "presence-presence-project.1"}}}.check(t)
}

func TestK9_X8_ANotificationIsHeardByNotification(t *testing.T) {
	const created = `Illuminate\Notifications\Events\BroadcastNotificationCreated`
	k9{"NotificationReceived", map[string]any{"userId": 7},
		[]sentOn{{"NotificationReceived", "private-User.7"}},
		[]sentOn{{"NotificationReceived", "private-App.Models.User.7"}, {created, "private-App.Models.User.7"}}}.check(t)

	sent := occur(t, laravel.Fixed, laravel.Occurrence{Event: "NotificationReceived", Params: map[string]any{"user": 7}, Payload: laravel.Object{{"message", "paid"}}})
	require.Len(t, sent, 2)
	first, second := object(t, sent[0].Data), object(t, sent[1].Data)
	assert.Equal(t, first, second, "both tell the same")
	assert.Equal(t, "paid", second["message"], "the guide's client reads it")
	assert.True(t, strings.HasSuffix(keys(t, sent[1].Data), " id type"), "Laravel merges id and type last: %s", sent[1].Data)
}

func TestK9_X10_TheTablesDifferOnChannels(t *testing.T) {
	client, project := map[string]any{"projectId": 1}, map[string]any{"projectId": 1}
	k9{"FileUploaded", client,
		[]sentOn{{"FileUploaded", "private-project.1"}},
		[]sentOn{{"FileUploaded", "private-client.5"}, {"FileUploaded", "private-project.1"}, {"FileUploaded", "presence-presence-project.1"}}}.check(t)
	k9{"ProjectUpdated", project,
		[]sentOn{{"ProjectUpdated", "private-project.1"}},
		[]sentOn{{"ProjectUpdated", "private-client.5"}, {"ProjectUpdated", "private-project.1"}, {"ProjectUpdated", "presence-presence-project.1"}}}.check(t)
	k9{"InvoiceStatusChanged", map[string]any{"invoiceId": 42},
		[]sentOn{{"InvoiceStatusChanged", "private-invoice.42"}, {"InvoiceStatusChanged", "private-admin"}},
		[]sentOn{{"InvoiceStatusChanged", "private-client.5"}, {"InvoiceStatusChanged", "private-invoice.42"}, {"InvoiceStatusChanged", "private-admin"}}}.check(t)
}

// event(), dispatch() and broadcast() are queued alike; ShouldBroadcastNow is not.
func TestK9_X11_BroadcastsLieInTheQueue(t *testing.T) {
	for _, mode := range []laravel.Mode{laravel.AsWritten, laravel.Fixed} {
		synctest.Test(t, func(t *testing.T) {
			app := portal()
			app.Queue.Delay = 300 * time.Millisecond
			app.Events = []laravel.Event{{Name: "Urgent", Channels: []string{"portal"}, Payload: laravel.Object{{"a", int64(1)}}, Now: true}}
			b, sent, _ := running(t, mode, app)
			began := time.Now()
			for _, event := range []string{"Announcement", "CommentAdded", "Urgent"} {
				_, err := b.Occur(t.Context(), laravel.Occurrence{Event: event})
				require.NoError(t, err)
			}
			synctest.Wait()
			assert.Equal(t, []string{`App\Events\Urgent`}, sent())
			time.Sleep(299 * time.Millisecond)
			synctest.Wait()
			assert.Len(t, sent(), 1, "%v after the beginning", time.Since(began))
			time.Sleep(time.Millisecond)
			synctest.Wait()
			assert.Equal(t, []string{`App\Events\Urgent`, `App\Events\Announcement`, `App\Events\CommentAdded`}, sent(), "in order, once they are due")
		})
	}
}

func TestK9_X11_NothingIsLostInTheQueueWhenItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := portal()
		app.Queue.Delay = time.Hour
		b, sent, stop := running(t, laravel.Fixed, app)
		_, err := b.Occur(t.Context(), laravel.Occurrence{Event: "Announcement"})
		require.NoError(t, err)
		synctest.Wait()
		require.Empty(t, sent())
		stop()
		assert.Equal(t, []string{`App\Events\Announcement`}, sent())
	})
}

func TestK9_X12_ToOthersLeavesOutThatSocket(t *testing.T) {
	for _, mode := range []laravel.Mode{laravel.AsWritten, laravel.Fixed} {
		sent := occur(t, mode, laravel.Occurrence{Event: "NotificationReceived", Except: "1234.5678", Payload: laravel.Object{{"socket", "1234.5678"}}})
		for _, p := range sent {
			assert.Equal(t, "1234.5678", p.Except)
			assert.NotContains(t, p.Data, "socket", "the broadcaster takes it out of the payload")
		}
	}
}

// A sample is drawn for every event in both modes, and is what K.4 says a payload consists of.
func TestCatalogue_EveryEventHasASample(t *testing.T) {
	for _, mode := range []laravel.Mode{laravel.AsWritten, laravel.Fixed} {
		for _, app := range []*laravel.Application{portal(), {}} {
			b, sent := backend(t, mode, app)
			all := b.Catalogue()
			require.Len(t, all, 19)
			for _, l := range all {
				assert.Empty(t, l.Problem, l.Name)
				assert.True(t, json.Valid([]byte(l.Sample)), l.Name)
				_, err := b.Occur(t.Context(), laravel.Occurrence{Event: l.Name})
				assert.NoError(t, err, l.Name)
			}
			for _, s := range *sent {
				assert.NotContains(t, strings.Join(s.Channels, " "), "{")
			}
		}
	}
}
