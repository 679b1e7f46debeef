package laravel_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/nacl/secretbox"

	"echolab/emulator/laravel"
)

type (
	obj  = laravel.Object
	list = []any
)

// broadcast is how a case of testdata/laravel/broadcasts.json is said to the stand-in.
type broadcast struct {
	event    laravel.Event // one of the application's own; an empty name: the catalogue's
	of       string        // the catalogue's
	params   map[string]any
	payload  any // nil: the factory's
	toOthers bool
	more     []laravel.Event // sent after it
}

// raw is an event whose channels, payload and name are given from outside, as the capture's own event Raw.
func raw(payload any, channels ...string) broadcast { return named("Event", payload, channels...) }

func named(as string, payload any, channels ...string) broadcast {
	return broadcast{event: laravel.Event{Name: "Raw", As: as, Channels: channels}, payload: payload}
}

// class is an event without broadcastAs.
func class(name string, payload any, channels ...string) broadcast {
	return broadcast{event: laravel.Event{Name: name, Channels: channels}, payload: payload}
}

func (b broadcast) others() broadcast { b.toOthers = true; return b }

func (b broadcast) and(next broadcast) broadcast {
	next.event.Payload = next.payload
	b.more = append(b.more, next.event)
	return b
}

// notification is the catalogue's BroadcastNotificationCreated with what Laravel was told.
func notification(fields ...laravel.Field) broadcast {
	return broadcast{of: "BroadcastNotificationCreated", params: map[string]any{"userId": 7}, payload: obj(fields)}
}

func numbered(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("c.%d", i+1))
	}
	return all
}

var (
	one      = obj{{"a", int64(1)}}
	stamps   = obj{{"created_at", "2026-01-15T10:00:00.000000Z"}, {"updated_at", "2026-01-15T10:00:00.000000Z"}}
	website  = append(obj{{"id", int64(1)}, {"client_id", int64(5)}, {"name", "Website"}, {"status", "open"}}, stamps...)
	invoice  = broadcast{of: "InvoiceCreated", params: map[string]any{"invoice": 42}}
	workflow = `App\Notifications\`
	uuid     = laravel.Field{Key: "id", Value: "{uuid}"} // Laravel draws another each time
)

func task(done int64) obj {
	return obj{{"model", append(obj{{"id", int64(1)}, {"title", "Write / test"}, {"done", done}}, stamps...)}, {"connection", nil}, {"queue", nil}, {"afterCommit", false}}
}

func card(name, event string) broadcast {
	return named(name, obj{{"id", int64(1)}, {"event", event}}, "private-App.Models.Card.1", "presence-board.4")
}

// broadcasts are the cases that the stand-in can express.
var broadcasts = map[string]broadcast{
	"invoice-event":                   invoice,
	"invoice-dispatch":                invoice,
	"invoice-to-others":               invoice.others(),
	"invoice-no-socket-header":        invoice.others(),
	"socket-header-without-to-others": invoice,
	"to-others-invalid-socket":        invoice.others(),
	"invoice-changed-in-memory-only":  invoice,
	"class-name-and-properties": class("ProjectUpdated", obj{{"shared", "static"}, {"project", website}, {"changes", obj{{"status", list{"open", "done"}}}}, {"note", nil}},
		"private-client.5", "private-project.1"),
	"should-broadcast-now": {of: "Announcement", payload: obj{{"title", "Maintenance"}, {"body", "Tonight at 22:00"}}},
	"queue-properties": class("Queued", obj{{"tries", int64(3)}, {"text", "x"}, {"connection", nil}, {"queue", nil}, {"delay", nil}, {"afterCommit", nil},
		{"middleware", list{}}, {"chained", list{}}, {"chainConnection", nil}, {"chainQueue", nil}, {"chainCatchCallbacks", nil}}, "portal"),
	"broadcast-via":            class("ViaConnections", obj{{"text", "x"}}, "portal"),
	"three-kinds-of-channel":   raw(one, "portal", "private-client.5", "presence-presence-project.1"),
	"plain-strings":            raw(one, "portal", "private-client.5"),
	"one-string":               raw(one, "portal"),
	"model-as-private-channel": raw(one, "private-App.Models.Project.1"),
	"no-channels":              raw(one),
	"hundred-and-one-channels": raw(one, numbered(101)...),
	"hundred-and-two-channels": raw(one, numbered(102)...),
	"invalid-channel-name":     raw(one, "with space"),
	"long-channel-name":        raw(one, strings.Repeat("x", 250)),
	"server-to-user-channel":   raw(one, "#server-to-user-7"),
	"cache":                    raw(one, "cache-stats", "private-cache-stats.1"),
	"payload-empty":            raw(obj{}, "portal"),
	"payload-null":             raw(nil, "portal"),
	"payload-nested":           raw(obj{{"a", obj{{"b", obj{{"c", list{}}, {"d", obj{}}, {"e", list{list{}, list{list{}}, obj{{"k", nil}}}}}}}}, {"list", list{int64(1), list{int64(2), list{int64(3)}}}}}, "portal"),
	"payload-invalid-utf8":     raw(obj{{"bad", "\xff\xfe"}}, "portal"),
	"typed-values": class("Typed", obj{{"collection", obj{{"a", int64(1)}, {"b", list{int64(1), int64(2)}}}},
		{"models", list{website, append(obj{{"id", int64(2)}, {"client_id", int64(6)}, {"name", "Büro / Umzug"}, {"status", "open"}}, stamps...)}},
		{"date", obj{{"date", "2026-01-15 10:00:00.500000"}, {"timezone_type", int64(3)}, {"timezone", "Europe/Berlin"}}}, {"immutable", "2026-01-15T10:00:00.123456Z"},
		{"enum", "paid"}, {"serializable", obj{{"from", "jsonSerialize"}}}, {"object", obj{{"z", int64(1)}, {"a", obj{}}, {"list", list{}}}}, {"stringable", "text!"},
		{"uninitialised_is_an_error", int64(0)}}, "portal"),
	"encrypted":              named("SecretChanged", obj{{"secret", "42"}}, "private-encrypted-vault.9"),
	"encrypted-with-another": raw(one, "private-encrypted-vault.9", "private-client.5"),
	"payload-numeric-keys":   raw(obj{{"5", "five"}, {"7", "seven"}}, "portal"),
	"payload-socket-key":     raw(obj{{"socket", "mine"}, {"socket_id", "1.1"}, {"name", "x"}, {"channel", "y"}, {"data", "z"}}, "portal"),
	"payload-scalars": raw(obj{{"null", nil}, {"true", true}, {"false", false}, {"zero", int64(0)}, {"empty", ""}, {"minus", math.Copysign(0, -1)},
		{"big", int64(math.MaxInt64)}, {"bigger", float64(1 << 63)}, {"text", "0123"}}, "portal"),
	"payload-floats": raw(obj{{"one", 1.0}, {"tenth", 0.1}, {"sum", 0.30000000000000004}, {"money", 1250.00}, {"cents", 1250.05}, {"third", 1.0 / 3}, {"exp", 1e100},
		{"tiny", 1.5e-7}, {"small", 0.0001}, {"large", 123456789012345678.0}, {"e15", 1e15}, {"e21", 1e21}}, "portal"),
	"payload-unicode": raw(obj{{"latin", "Grüße"}, {"cjk", "雪"}, {"astral", "🦊"}, {"family", "👩‍👩‍👧"}, {"combining", "e\u0301"}, {"separators", "\u2028\u2029"},
		{"bom", "\ufeff"}, {"ключ", "Значение"}}, "portal"),
	"payload-escapes": raw(obj{{"slash", "a/b"}, {"url", "https://x.test/?a=1&b=2"}, {"quote", `"`}, {"apostrophe", "'"}, {"backslash", `\`}, {"class", `App\Events\X`},
		{"control", "\x00\x01\x08\x09\x0a\x0b\x0c\x0d\x1b\x1f\x7f"}, {"markup", "<script>&amp;</script>"}}, "portal"),
	"payload-large":                   raw(obj{{"text", strings.Repeat("0123456789", 1200)}}, "portal"),
	"name-with-unicode-and-dots":      named(`.rechnung.geändert / "x"`, one, "portal"),
	"name-client":                     named("client-typing", one, "portal"),
	"broadcaster-direct":              named("Direct", one, "portal"),
	"anonymous":                       named("AnonymousEvent", obj{}, "portal"),
	"anonymous-named":                 named("OrderPlaced", obj{{"id", int64(1)}, {"total", "9.90"}}, "portal"),
	"anonymous-presence":              named("Ping", website, "presence-presence-project.1"),
	"anonymous-to-others":             named("AnonymousEvent", obj{}, "portal").others(),
	"anonymous-no-channels":           named("AnonymousEvent", obj{}),
	"notification":                    notification(laravel.Field{Key: "title", Value: "Stage Changed"}, laravel.Field{Key: "message", Value: "Client moved to new stage"}, uuid, laravel.Field{Key: "type", Value: workflow + "WorkflowNotification"}),
	"notification-to-broadcast":       notification(laravel.Field{Key: "from", Value: "toBroadcast"}, laravel.Field{Key: "invoice_id", Value: int64(42)}, uuid, laravel.Field{Key: "type", Value: workflow + "WithToBroadcast"}),
	"notification-to-broadcast-array": notification(laravel.Field{Key: "from", Value: "toBroadcast, a plain array"}, uuid, laravel.Field{Key: "type", Value: workflow + "WithToBroadcastArray"}),
	"notification-type":               notification(laravel.Field{Key: "title", Value: "Stage Changed"}, laravel.Field{Key: "message", Value: "Client moved to new stage"}, uuid, laravel.Field{Key: "type", Value: "workflow.stage"}),
	"notification-own-payload":        notification(laravel.Field{Key: "only", Value: "this"}),
	"notification-own-id-and-type":    notification(uuid, laravel.Field{Key: "type", Value: workflow + "WithOwnIdAndType"}, laravel.Field{Key: "title", Value: "Grüße / R&D"}, laravel.Field{Key: "zuletzt", Value: nil}),
	"notification-socket-header":      notification(laravel.Field{Key: "title", Value: "Stage Changed"}, laravel.Field{Key: "message", Value: "Client moved to new stage"}, uuid, laravel.Field{Key: "type", Value: workflow + "WorkflowNotification"}),
	"model-created":                   named("TaskCreated", task(0), "private-App.Models.Task.1"),
	"model-deleted":                   named("TaskDeleted", task(1), "private-App.Models.Task.1"),
	"model-own-created":               card("card.created", "created"),
	"model-own-trashed":               card("CardTrashed", "trashed").and(card("CardDeleted", "deleted")),
	"model-own-restored":              card("CardUpdated", "updated"),
}

// uncompared are the cases that are about something that the stand-in does not have.
var uncompared = map[string]string{
	"invoice-row-gone":              "the stand-in sends events for rows that it does not have, and says so",
	"broadcast-when-false":          "broadcastWhen is PHP; whoever does not want an event does not send it",
	"payload-not-an-array":          "a PHP type error; Check refuses such a payload",
	"to-others-without-trait":       "the trait is PHP's: the stand-in leaves a socket out where it is asked to",
	"pusher-user":                   "the SDK's own call",
	"pusher-terminate":              "the SDK's own call",
	"pusher-channels":               "the SDK's own call",
	"pusher-users":                  "the SDK's own call",
	"pusher-batch":                  "the SDK's own call, which Laravel never makes (H.6)",
	"model-updated-no-change":       "Eloquent's own knowledge of what has changed; see the domain's tests",
	"model-without-broadcasting":    "PHP's switch; see broadcast-when-false",
	"notification-guide-via":        "nothing is sent; K.9 X9 is tested with the notifications",
	"notification-no-array":         "a notification without content cannot be described",
	"notification-two-users":        "one of the two is another PHP class of user; two notifications are two events",
	"notification-other-notifiable": "notifications go to users",
	"notification-on-demand":        "notifications go to users",
}

// capturedKey is the master key of the captured application.
func capturedKey(t *testing.T) []byte {
	key, err := base64.StdEncoding.DecodeString("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
	require.NoError(t, err)
	return key
}

// opened decrypts the data of an encrypted channel.
func opened(t *testing.T, channel, data string) string {
	t.Helper()
	var sealed struct{ Nonce, Ciphertext []byte }
	require.NoError(t, json.Unmarshal([]byte(data), &sealed))
	secret := sha256.Sum256(append([]byte(channel), capturedKey(t)...))
	plain, ok := secretbox.Open(nil, sealed.Ciphertext, (*[24]byte)(sealed.Nonce), &secret)
	require.True(t, ok, "it does not open: %s", data)
	return string(plain)
}

func TestBroadcasts_AreThoseOfLaravel(t *testing.T) {
	text, err := os.ReadFile("../../testdata/laravel/broadcasts.json")
	require.NoError(t, err)
	var file struct {
		Cases []struct {
			ID, Name  string
			XSocketID string `json:"x_socket_id"`
			Requests  []struct {
				Plaintext string
				Fields    struct {
					Name     string
					Data     string
					Channels []string
					SocketID string `json:"socket_id"`
				}
			}
			Exceptions []struct{ Message string }
		}
	}
	require.NoError(t, json.Unmarshal(text, &file))
	known := slices.Concat(slices.Collect(maps.Keys(broadcasts)), slices.Collect(maps.Keys(uncompared)))
	for _, c := range file.Cases {
		said, expressed := broadcasts[c.Name]
		if !expressed {
			assert.NotEmpty(t, uncompared[c.Name], "%s %s is neither compared nor left out for a reason", c.ID, c.Name)
		}
		known = slices.DeleteFunc(known, func(name string) bool { return name == c.Name })
		if !expressed {
			continue
		}
		t.Run(c.ID+" "+c.Name, func(t *testing.T) {
			app := portal()
			o := laravel.Occurrence{Event: said.of, Params: said.params}
			if said.of == "" {
				said.event.Payload, o.Event = said.payload, said.event.Name
				app.Events = append(app.Events, said.event)
			} else if said.payload != nil {
				o.Payload, o.Exact = said.payload.(obj), true
			}
			if said.toOthers {
				o.Except = c.XSocketID
			}
			app.Auth.EncryptionKey = capturedKey(t)
			b, sent := backend(t, laravel.AsWritten, app)
			_, err := b.Occur(t.Context(), o)
			for _, next := range said.more {
				after := portal()
				after.Events = []laravel.Event{next}
				b.Use(after)
				_, err := b.Occur(t.Context(), laravel.Occurrence{Event: next.Name, Except: o.Except})
				require.NoError(t, err)
			}
			if len(c.Exceptions) > 0 {
				require.ErrorContains(t, err, c.Exceptions[0].Message)
				assert.Empty(t, *sent)
				return
			}
			require.NoError(t, err)
			require.Len(t, *sent, len(c.Requests))
			for i, r := range c.Requests {
				p, want := (*sent)[i], r.Fields
				assert.Equal(t, want.Name, p.Event)
				assert.Equal(t, want.Channels, p.Channels)
				assert.Equal(t, want.SocketID, p.Except)
				if strings.Contains(p.Data, "{uuid}") {
					var drawn struct{ ID string }
					require.NoError(t, json.Unmarshal([]byte(want.Data), &drawn))
					p.Data = strings.Replace(p.Data, "{uuid}", drawn.ID, 1)
				}
				if r.Plaintext != "" { // the nonce is another each time
					want.Data, p.Data = opened(t, want.Channels[0], want.Data), opened(t, want.Channels[0], p.Data)
					assert.Equal(t, r.Plaintext, p.Data)
				}
				assert.Equal(t, want.Data, p.Data)
			}
		})
	}
	assert.Empty(t, known, "no such case is recorded")
}
