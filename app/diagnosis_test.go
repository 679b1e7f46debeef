package app_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app"
	"echolab/app/diagnosis"
	"echolab/emulator/journal"
)

// page is a socket that subscribes as a page does.
type page struct {
	*websocket.Conn
	id string
	r  *running
}

func (r *running) open() *page {
	r.t.Helper()
	ws, _, err := websocket.DefaultDialer.Dial("ws"+r.URL()[4:]+"/app/"+r.creds.Key+"?protocol=7&client=js&version=8.6.0", nil)
	require.NoError(r.t, err)
	r.t.Cleanup(func() { _ = ws.Close() })
	p := &page{Conn: ws, r: r}
	var hello struct{ Data string }
	require.NoError(r.t, ws.ReadJSON(&hello))
	var data struct {
		ID string `json:"socket_id"`
	}
	require.NoError(r.t, json.Unmarshal([]byte(hello.Data), &data))
	p.id = data.ID
	return p
}

// refused asks for a channel as a user ("" nobody), whom /broadcasting/auth answers with that status.
func (p *page) refused(channel, user string, status int) {
	p.r.t.Helper()
	req, err := http.NewRequest(http.MethodPost, p.r.URL()+"/broadcasting/auth", strings.NewReader(url.Values{"socket_id": {p.id}, "channel_name": {channel}}.Encode()))
	require.NoError(p.r.t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if user != "" {
		req.Header.Set("Authorization", "Bearer "+user)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(p.r.t, err)
	require.NoError(p.r.t, res.Body.Close())
	require.Equal(p.r.t, status, res.StatusCode)
	p.r.happened(journal.Refused)
	assert.NotContains(p.r.t, p.r.kept(app.Query{Kinds: []journal.Kind{journal.Refused}})[0].Note, "\n")
}

// until reads frames up to one of an event.
func (p *page) until(event string) {
	p.r.t.Helper()
	for frame := struct{ Event string }{}; frame.Event != event; {
		require.NoError(p.r.t, p.ReadJSON(&frame))
	}
}

func (p *page) send(event string, data any, channel ...string) {
	p.r.t.Helper()
	frame := map[string]any{"event": event, "data": data}
	if len(channel) > 0 {
		frame["channel"] = channel[0]
	}
	require.NoError(p.r.t, p.WriteJSON(frame))
}

// on subscribes, as user where the channel is one of presence.
func (p *page) on(channel, user string) *page {
	p.r.t.Helper()
	data := map[string]string{"channel": channel}
	text := p.id + ":" + channel
	if strings.HasPrefix(channel, "presence") {
		data["channel_data"] = fmt.Sprintf(`{"user_id":%q,"user_info":{}}`, user)
		text += ":" + data["channel_data"]
	}
	if !strings.HasPrefix(channel, "cache-") {
		data["auth"] = p.r.creds.AuthString(text)
	}
	p.send("pusher:subscribe", data)
	p.until("pusher_internal:subscription_succeeded")
	p.r.saw(app.Query{Kinds: []journal.Kind{journal.Subscribed}, Socket: p.id, Channel: channel}) // entered after the confirmation is sent
	return p
}

// said sends an event and returns the name of its entry.
func (r *running) said(channel, event, data, except string) string {
	r.t.Helper()
	status, err := publishBut(r.URL(), &r.creds, channel, event, data, except)
	require.NoError(r.t, err)
	require.Equal(r.t, 200, status)
	return fmt.Sprint(r.kept(app.Query{Kinds: []journal.Kind{journal.Published}, Limit: 1})[0].Seq)
}

// TestDiagnosis: each row is a mistake that a developer makes, with real subscriptions.
func TestDiagnosis(t *testing.T) {
	const object = `{"id":42}`
	seen := map[string]bool{"unknown": true} // by the test of what is not kept
	for _, row := range []struct {
		name   string
		make   func(r *running) (event string)
		got    int
		causes []string // name, "!" where certain: part of what it says and of what to do
		listen string
	}{
		{"no client at all", func(r *running) string { return r.said("private-client.5", "InvoiceCreated", object, "") }, 0,
			[]string{"nobody_connected!: No client was connected"}, "Echo.private('client.5').listen('.InvoiceCreated', console.log);"},
		{"nobody on it, and nobody tried", func(r *running) string {
			r.open().on("private-client.6", "")
			return r.said("private-client.5", `App\Events\InvoiceCreated`, object, "")
		}, 0, []string{"nobody_subscribed!: Nobody was subscribed to private-client.5", "not_authorised: POST /broadcasting/auth"},
			"Echo.private('client.5').listen('InvoiceCreated', console.log);"},
		{"X4: the viewers are on the presence channel", func(r *running) string {
			r.open().on("presence-project.1", "7")
			r.open().on("presence-project.1", "8")
			return r.said("private-project.1", "CommentAdded", object, "")
		}, 0, []string{"nobody_subscribed!: ", "near_name: 2 sockets were on presence-project.1|Broadcast on new PresenceChannel('project.1'), or subscribe with Echo.private('project.1')"},
			"Echo.private('project.1').listen('.CommentAdded', console.log);"},
		{"X3: a prefix comes twice", func(r *running) string {
			r.open().on("presence-presence-project.1", "7")
			return r.said("presence-project.1", "CommentAdded", object, "")
		}, 0, []string{"nobody_subscribed!: ", "near_name: Echo.join('presence-project.1') adds presence- by itself|new PresenceChannel('presence-project.1')"}, ""},
		{"X7: two names of a user's channel", func(r *running) string {
			r.open().on("private-App.Models.User.7", "")
			return r.said("private-User.7", "NotificationReceived", object, "")
		}, 0, []string{"nobody_subscribed!: ", "near_name: App.Models.User|new PrivateChannel('App.Models.User.7')"}, ""},
		{"X5: a dot for a hyphen", func(r *running) string {
			r.open().on("presence-online", "7")
			return r.said("private-presence.online", "UserPresenceChanged", object, "")
		}, 0, []string{"nobody_subscribed!: ", "near_name: Dots, hyphens"}, ""},
		{"case", func(r *running) string {
			r.open().on("private-Client.5", "")
			return r.said("private-client.5", "InvoiceCreated", object, "")
		}, 0, []string{"nobody_subscribed!: ", "near_name: Upper and lower case"}, ""},
		{"only the sender was there", func(r *running) string {
			p := r.open().on("presence-project.1", "7")
			return r.said("presence-project.1", "CommentAdded", object, p.id)
		}, 0, []string{"sender_left_out!: (user 7) was subscribed, and was left out: toOthers()|Take toOthers() away"}, ""},
		{"the sender is left out, another got it", func(r *running) string {
			p := r.open().on("presence-project.1", "7")
			r.open().on("presence-project.1", "8")
			return r.said("presence-project.1", "CommentAdded", `{"comment":{"id":1},"id":1}`, p.id)
		}, 1, []string{"sender_left_out!: left out", "event_name: If your listener says .listen('CommentAdded'), it waits for App\\Events\\CommentAdded|.listen('.CommentAdded')"}, ""},
		{"too late", func(r *running) string {
			p := r.open()
			seq := r.said("private-client.5", "InvoiceCreated", object, "")
			p.on("private-client.5", "")
			return seq
		}, 0, []string{"nobody_subscribed!: ", "late!: later: too late|.subscribed()"}, ""},
		{"late, but the channel keeps its event", func(r *running) string {
			r.open().on("cache-rates", "")
			seq := r.said("cache-rates", "RatesUpdated", `[1]`, "")
			r.open().on("cache-rates", "")
			return seq
		}, 1, []string{"late: and got it then", "event_name: "}, "Echo.channel('cache-rates').listen('.RatesUpdated', console.log);"},
		{"left the channel", func(r *running) string {
			p := r.open().on("private-client.5", "")
			p.send("pusher:unsubscribe", map[string]string{"channel": "private-client.5"})
			r.happened(journal.Unsubscribed)
			return r.said("private-client.5", "InvoiceCreated", object, "")
		}, 0, []string{"nobody_subscribed!: ", "left!: then the page left the channel|Echo.leave()"}, ""},
		{"the connection ended", func(r *running) string {
			r.open()
			p := r.open().on("private-client.5", "")
			_ = p.Close()
			r.happened(journal.Closed)
			return r.said("private-client.5", "InvoiceCreated", object, "")
		}, 0, []string{"nobody_subscribed!: ", "left!: then its connection ended"}, ""},
		{"refused by the server", func(r *running) string {
			p := r.open()
			p.send("pusher:subscribe", map[string]string{"channel": "private-client.5", "auth": r.creds.Key + ":nonsense"})
			r.happened(journal.Refused)
			return r.said("private-client.5", "InvoiceCreated", object, "")
		}, 0, []string{"nobody_subscribed!: ", "refused: 4009 The signature of the subscription|REVERB_APP_SECRET"}, ""},
		{"refused by the application", func(r *running) string {
			r.open().refused("private-client.5", "8", 403)
			return r.said("private-client.5", "InvoiceCreated", object, "")
		}, 0, []string{"nobody_subscribed!: ", "refused: (user 8) was not let into private-client.5|: 403 the rule client.{clientId} says no. | The rule of Broadcast::channel('client.{clientId}') in routes/channels.php has to return true"}, ""},
		{"refused: a presence channel wants a member", func(r *running) string {
			r.open().refused("presence-project.7", "8", 403)
			return r.said("presence-project.7", "CommentAdded", object, "")
		}, 0, []string{"nobody_subscribed!: ", "refused: | The rule of Broadcast::channel('project.{projectId}') in routes/channels.php has to return the member"}, ""},
		{"refused: nobody is logged in", func(r *running) string {
			r.open().refused("private-client.5", "", 403)
			return r.said("private-client.5", "InvoiceCreated", object, "")
		}, 0, []string{"nobody_subscribed!: ", "refused: : 403 nobody is logged in. | Log in first|withCredentials|Authorization"}, ""},
		{"refused: there is no rule", func(r *running) string {
			r.open().refused("private-nosuch.1", "8", 403)
			return r.said("private-nosuch.1", "InvoiceCreated", object, "")
		}, 0, []string{"nobody_subscribed!: ", "refused: : 403 no rule for nosuch.1. | No Broadcast::channel() has a pattern that fits nosuch.1"}, ""},
		{"refused: a TypeError", func(r *running) string {
			r.open().refused("private-client.undefined", "8", 403)
			return r.said("private-client.undefined", "InvoiceCreated", object, "")
		}, 0, []string{"nobody_subscribed!: ", "refused: : 403 the rule client.{clientId} failed: TypeError|The rule of Broadcast::channel('client.{clientId}') takes another type: look for undefined"}, ""},
		{"refused: the rule fails", func(r *running) string {
			r.open().refused("presence-presence-project.999", "11", 500)
			return r.said("presence-presence-project.999", "CommentAdded", object, "")
		}, 0, []string{"nobody_subscribed!: ",
			"refused: : 500 the rule presence-project.{projectId} failed: |: cannot fetch client_id from <nil> (1:60). | The rule of Broadcast::channel('presence-project.{projectId}') has an error of its own"}, ""},
		{"an encrypted channel, and nobody encrypted", func(r *running) string {
			r.open().on("private-encrypted-client.5", "")
			r.open().on("private-client.5", "")
			return r.said("private-encrypted-client.5", "Secret", `{"x":1}`, "")
		}, 1, []string{"unencrypted!: no nonce and ciphertext|pusher-js drops|master key"}, "Echo.encryptedPrivate('client.5').listen('.Secret', console.log);"},
		{"an encrypted channel", func(r *running) string {
			r.open().on("private-encrypted-client.5", "")
			return r.said("private-encrypted-client.5", "Secret", `{"nonce":"u4bM","ciphertext":"i3er"}`, "")
		}, 1, []string{"event_name: "}, ""},
		{"left the channel, and the connection ended after the event", func(r *running) string {
			p := r.open().on("private-client.5", "")
			p.send("pusher:unsubscribe", map[string]string{"channel": "private-client.5"})
			r.happened(journal.Unsubscribed)
			time.Sleep(30 * time.Millisecond) // a connection that ends leaves its channels within less
			seq := r.said("private-client.5", "InvoiceCreated", object, "")
			_ = p.Close()
			r.happened(journal.Closed)
			return seq
		}, 0, []string{"nobody_subscribed!: ", "left!: then the page left the channel|Echo.leave()"}, ""},
		{"one left and came back, another's connection ended", func(r *running) string {
			p := r.open().on("private-client.5", "")
			gone := r.open().on("private-client.5", "")
			_ = gone.Close()
			r.happened(journal.Closed)
			p.send("pusher:unsubscribe", map[string]string{"channel": "private-client.5"})
			r.saw(app.Query{Kinds: []journal.Kind{journal.Unsubscribed}, Socket: p.id})
			p.on("private-client.5", "")
			return r.said("private-client.5", "InvoiceCreated", object, "")
		}, 1, []string{"left!: then its connection ended", "event_name: ", "payload: "}, ""},
		{"X1 and X2: no dot, and a flat payload", func(r *running) string {
			r.open().on("private-client.5", "")
			return r.said("private-client.5", "InvoiceCreated", `{"id":42,"invoice_number":"A","total":"1.00","more":1}`, "")
		}, 1, []string{"event_name: waits for App\\Events\\InvoiceCreated|Write .listen('.InvoiceCreated')", "payload: e.invoice, it gets undefined: the fields are on e itself, e.id, e.invoice_number, e.more …"}, ""},
		{"a dot too many", func(r *running) string {
			r.open().on("private-client.5", "")
			return r.said("private-client.5", `App\Events\InvoiceStatusChanged`, `{"invoice":{},"id":1}`, "")
		}, 1, []string{"event_name: .listen('.InvoiceStatusChanged'), it waits for InvoiceStatusChanged|Write .listen('InvoiceStatusChanged')"}, ""},
		{"another namespace", func(r *running) string {
			r.open().on("private-client.5", "")
			return r.said("private-client.5", `Domain\Billing\Paid`, `{}`, "")
		}, 1, []string{`event_name: .listen('Paid'), it waits for App\Events\Paid|.listen('\\Domain\\Billing\\Paid')`}, `Echo.private('client.5').listen('\\Domain\\Billing\\Paid', console.log);`},
		{"X8: a notification, and another event on its channel", func(r *running) string {
			r.open().on("private-App.Models.User.7", "")
			return r.said("private-App.Models.User.7", "NotificationReceived", `{}`, "")
		}, 1, []string{"event_name: ", "notification: If your listener is .notification()"}, ""},
		{"a notification", func(r *running) string {
			r.open().on("private-App.Models.User.7", "")
			return r.said("private-App.Models.User.7", `Illuminate\Notifications\Events\BroadcastNotificationCreated`, `{"id":"x"}`, "")
		}, 1, []string{"event_name: one name|.notification()"}, "Echo.private('App.Models.User.7').notification(console.log);"},
		{"a whisper", func(r *running) string {
			ada, bob := r.open().on("presence-project.1", "7"), r.open().on("presence-project.1", "8")
			ada.send("client-typing", map[string]int{"id": 1}, "presence-project.1")
			bob.until("client-typing")
			return fmt.Sprint(r.kept(app.Query{Kinds: []journal.Kind{journal.Whispered}})[0].Seq)
		}, 1, []string{`event_name: .listen('typing'), it waits for App\Events\typing|.listenForWhisper('typing')`}, "Echo.join('project.1').listenForWhisper('typing', console.log);"},
		{"a whisper to nobody", func(r *running) string {
			ada := r.open().on("presence-project.1", "7")
			ada.send("client-typing", map[string]int{"id": 1}, "presence-project.1")
			r.happened(journal.Whispered)
			return fmt.Sprint(r.kept(app.Query{Kinds: []journal.Kind{journal.Whispered}})[0].Seq)
		}, 0, []string{"sender_left_out!: alone there"}, ""},
		{"a text for a payload", func(r *running) string {
			r.open().on("private-client.5", "")
			return r.said("private-client.5", "InvoiceCreated", `hello`, "")
		}, 1, []string{"event_name: ", "payload: a text, not an object"}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := run(t, map[string]string{"db": ":memory:"})
			event := row.make(r)
			d, err := r.Diagnosis(t.Context(), event)
			require.NoError(t, err)
			assert.Len(t, d.Got, row.got)
			var have []string
			for _, c := range d.Causes {
				have = append(have, fmt.Sprintf("%s%s: %s | %s", c.Name, map[bool]string{true: "!"}[c.Certain], c.What, c.Do))
			}
			require.Len(t, have, len(row.causes), "%s", strings.Join(have, "\n"))
			for i, want := range row.causes {
				name, words, _ := strings.Cut(want, ": ")
				seen[strings.TrimSuffix(name, "!")] = true
				assert.True(t, strings.HasPrefix(have[i], name+": "), have[i])
				for word := range strings.SplitSeq(words, "|") {
					assert.Contains(t, have[i], word)
				}
			}
			if row.listen != "" {
				assert.Equal(t, row.listen, d.Listen)
			}
		})
	}
	for _, name := range diagnosis.Causes() {
		assert.True(t, seen[name], "no row shows the cause %s", name)
	}
}

// happened waits for a kind of entry.
func (r *running) happened(kind journal.Kind) {
	r.t.Helper()
	r.saw(app.Query{Kinds: []journal.Kind{kind}})
}

// saw waits for an entry.
func (r *running) saw(q app.Query) {
	r.t.Helper()
	got, err := r.Wait(r.t.Context(), q, 10*time.Second)
	require.NoError(r.t, err)
	require.NotZero(r.t, got.Entry.Seq, got.Note)
}

func TestDiagnosis_OfWhatIsNoEvent(t *testing.T) {
	r := run(t, map[string]string{"db": ":memory:"})
	r.said("portal", "Announcement", "{}", "")
	e := r.kept(app.Query{Kinds: []journal.Kind{journal.Published}})[0]
	another := journal.Entry{Seq: e.Seq, At: e.At.Add(time.Hour)} // of another database
	for name, code := range map[string]app.Code{
		fmt.Sprint(e.Seq): "", "#" + fmt.Sprint(e.Seq): "", e.ID(): "", strings.ToUpper(e.ID()): "",
		"1": app.Invalid, "0": app.Invalid, "x": app.Invalid, "999": app.NotFound,
		another.ID(): app.NotFound, "not-a-uuid-not-a-uuid-not-a-uuid-not": app.Invalid,
	} {
		_, err := r.Diagnosis(t.Context(), name)
		if code == "" {
			assert.NoError(t, err, name)
			continue
		}
		var failure *app.Error
		require.ErrorAs(t, err, &failure, name)
		assert.Equal(t, code, failure.Code, name)
	}
}

// TestDiagnosis_OfTheFile: an event of yesterday, from the database alone, tells of its own moment.
func TestDiagnosis_OfTheFile(t *testing.T) {
	db := filepath.Join(t.TempDir(), "e.sqlite")
	r := run(t, map[string]string{"db": db})
	r.open().on("presence-project.1", "7")
	event := r.said("private-project.1", "CommentAdded", "{}", "")
	cfg := r.Config()
	live, err := r.Diagnosis(t.Context(), event)
	require.NoError(t, err)
	require.NoError(t, r.stop())
	d, err := app.ReadDatabase(t.Context(), cfg)
	require.NoError(t, err)
	defer func() { assert.NoError(t, d.Close()) }()
	kept, err := d.Diagnosis(t.Context(), event)
	require.NoError(t, err)
	assert.Equal(t, live.Causes, kept.Causes)
	assert.Equal(t, live.Listen, kept.Listen)
}

// TestLog_SaysWhyNobodyHeard: once for each event of a channel, and not where somebody got it.
func TestLog_SaysWhyNobodyHeard(t *testing.T) {
	var log noted
	r := runLogged(t, map[string]string{"db": ":memory:"}, slog.New(slog.NewTextHandler(&log, nil)))
	r.open().on("presence-project.1", "7")
	for range 3 {
		r.said("private-project.1", "CommentAdded", "{}", "")
	}
	r.said("presence-project.1", "CommentAdded", "{}", "")
	r.said("private-project.1", "Last", "{}", "")
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "event=Last") }, 10*time.Second, 5*time.Millisecond)
	assert.Equal(t, 1, strings.Count(log.String(), "event=CommentAdded"), log.String())
	for _, part := range []string{`msg="nobody heard an event"`, "channel=private-project.1", "1 socket was on presence-project.1", `listen="Echo.private('project.1').listen('.CommentAdded'`} {
		assert.Contains(t, log.String(), part)
	}
}
