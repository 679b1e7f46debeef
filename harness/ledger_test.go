package harness_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/harness"
)

// book is a ledger under test with a clock moved by hand.
type book struct {
	*harness.Ledger
	registry *harness.Registry
	rec      *harness.Recorder
	start    time.Time
}

func newBook(t *testing.T) *book {
	t.Helper()
	b := &book{registry: harness.NewRegistry(), start: time.Now()}
	b.rec = b.registry.Recorder()
	b.Ledger = harness.NewLedger(harness.LedgerConfig{Run: "r1", Start: b.start, Registry: b.registry})
	return b
}

// at is an instant, in milliseconds since the run began.
func (b *book) at(ms int) time.Time { return b.start.Add(time.Duration(ms) * time.Millisecond) }

func (b *book) subscribed(name, channel string, asked, confirmed int) (*harness.LedgerClient, *harness.Subscription) {
	c := b.Client(name)
	c.Socket("1." + name)
	s := c.Subscribing(channel, "", b.at(asked))
	if confirmed > 0 {
		s.Confirmed(b.at(confirmed))
	}
	return c, s
}

func (b *book) publish(t *testing.T, sent, accepted int, channels ...string) (*harness.Publication, []byte) {
	t.Helper()
	p := b.Send(harness.Sending{Event: "E", Channels: channels, Due: b.at(sent), At: b.at(sent)})
	data, ok := p.Mark([]byte(`{"id":1}`))
	require.True(t, ok)
	if accepted > 0 {
		p.Accepted(b.at(accepted))
	}
	return p, data
}

// TestLedger is every verdict on one delivery, by what happened around it.
func TestLedger(t *testing.T) {
	type counts struct{ expected, delivered, uncertain, missing, duplicate, reordered, leaked, late, altered int64 }
	for _, c := range []struct {
		name string
		run  func(t *testing.T, b *book)
		want counts
	}{
		{"delivered", func(t *testing.T, b *book) {
			_, s := b.subscribed("a", "portal", 1, 5)
			_, data := b.publish(t, 10, 12, "portal")
			s.Received(b.rec, "E", data, b.at(13))
		}, counts{expected: 1, delivered: 1}},
		{"never came", func(t *testing.T, b *book) {
			b.subscribed("a", "portal", 1, 5)
			b.publish(t, 10, 12, "portal")
		}, counts{expected: 1, missing: 1}},
		{"came twice", func(t *testing.T, b *book) {
			_, s := b.subscribed("a", "portal", 1, 5)
			_, data := b.publish(t, 10, 12, "portal")
			s.Received(b.rec, "E", data, b.at(13))
			s.Received(b.rec, "E", data, b.at(14))
		}, counts{expected: 1, delivered: 1, duplicate: 1}},
		{"the wrong way round", func(t *testing.T, b *book) {
			_, s := b.subscribed("a", "portal", 1, 5)
			_, one := b.publish(t, 10, 12, "portal")
			_, two := b.publish(t, 13, 15, "portal")
			s.Received(b.rec, "E", two, b.at(16))
			s.Received(b.rec, "E", one, b.at(17))
		}, counts{expected: 2, delivered: 2, reordered: 1}},
		{"two under way at once come in any order", func(t *testing.T, b *book) {
			_, s := b.subscribed("a", "portal", 1, 5)
			_, one := b.publish(t, 10, 15, "portal")
			_, two := b.publish(t, 13, 14, "portal")
			s.Received(b.rec, "E", two, b.at(16))
			s.Received(b.rec, "E", one, b.at(17))
		}, counts{expected: 2, delivered: 2}},
		{"on a channel that it was not published on", func(t *testing.T, b *book) {
			_, s := b.subscribed("a", "private-client.6", 1, 5)
			_, data := b.publish(t, 10, 12, "private-client.5")
			s.Received(b.rec, "E", data, b.at(13))
		}, counts{leaked: 1}},
		{"to somebody who never asked for the channel", func(t *testing.T, b *book) {
			c, _ := b.subscribed("a", "private-client.6", 1, 5)
			_, data := b.publish(t, 10, 12, "private-client.5")
			c.Stray(b.rec, "private-client.5", "E", data, b.at(13))
		}, counts{leaked: 1}},
		{"after it had left", func(t *testing.T, b *book) {
			c, s := b.subscribed("a", "portal", 1, 5)
			s.Left(b.at(100))
			_, data := b.publish(t, 2000, 2001, "portal")
			c.Stray(b.rec, "portal", "E", data, b.at(2002))
		}, counts{leaked: 1}},
		{"while it was leaving", func(t *testing.T, b *book) {
			c, s := b.subscribed("a", "portal", 1, 5)
			s.Left(b.at(100))
			_, data := b.publish(t, 101, 103, "portal")
			c.Stray(b.rec, "portal", "E", data, b.at(104))
		}, counts{uncertain: 1}},
		{"missing although it left, but long after", func(t *testing.T, b *book) {
			_, s := b.subscribed("a", "portal", 1, 5)
			b.publish(t, 10, 12, "portal")
			s.Left(b.at(1013))
		}, counts{expected: 1, missing: 1}},
		{"accepted just before it left, by a server that answers before it tells everybody", func(t *testing.T, b *book) {
			_, s := b.subscribed("a", "portal", 1, 5)
			b.publish(t, 10, 12, "portal")
			s.Left(b.at(1011))
		}, counts{}},
		{"just before it left, but after one that was sent later", func(t *testing.T, b *book) {
			_, s := b.subscribed("a", "portal", 1, 5)
			b.publish(t, 10, 12, "portal")
			_, data := b.publish(t, 20, 22, "portal")
			s.Received(b.rec, "E", data, b.at(25))
			s.Left(b.at(100))
		}, counts{expected: 1, missing: 1, uncertain: 1}},
		{"just before it left, where the way to the server is long", func(t *testing.T, b *book) {
			b.subscribed("b", "other", 1, 1601)
			_, s := b.subscribed("a", "portal", 1, 5)
			b.publish(t, 10, 12, "portal")
			s.Left(b.at(3100))
		}, counts{}},
		{"longer before it left than the way to the server explains", func(t *testing.T, b *book) {
			b.subscribed("b", "other", 1, 1601)
			_, s := b.subscribed("a", "portal", 1, 5)
			b.publish(t, 10, 12, "portal")
			s.Left(b.at(3300))
		}, counts{expected: 1, missing: 1}},
		{"a whisper to who left long after", func(t *testing.T, b *book) {
			a, _ := b.subscribed("a", "private-x", 1, 5)
			_, sb := b.subscribed("b", "private-x", 1, 5)
			b.Send(harness.Sending{Event: "client-typing", Channels: []string{"private-x"}, Due: b.at(10), At: b.at(10), Sender: a, Whisper: true}).Accepted(b.at(10))
			sb.Left(b.at(1500))
		}, counts{expected: 1, missing: 1}},
		{"never read, by a client that was told not to", func(t *testing.T, b *book) {
			c, s := b.subscribed("a", "portal", 1, 5)
			_, data := b.publish(t, 10, 12, "portal")
			s.Received(b.rec, "E", data, b.at(13))
			c.Deaf(b.at(2000))
			b.publish(t, 3000, 3001, "portal")
			assert.Zero(t, b.Sweep(b.at(30_000)))
			assert.False(t, b.Waiting())
		}, counts{expected: 1, delivered: 1}},
		{"not told before the client was told not to read", func(t *testing.T, b *book) {
			c, _ := b.subscribed("a", "portal", 1, 5)
			b.publish(t, 10, 12, "portal")
			c.Deaf(b.at(2000))
		}, counts{expected: 1, missing: 1}},
		{"overtaken by one that the slow client did read", func(t *testing.T, b *book) {
			c, s := b.subscribed("a", "portal", 1, 5)
			c.Deaf(b.at(6))
			b.publish(t, 10, 12, "portal")
			_, data := b.publish(t, 20, 22, "portal")
			s.Received(b.rec, "E", data, b.at(40))
		}, counts{expected: 2, delivered: 1, missing: 1}},
		{"not told while the client was slow, which it no longer is", func(t *testing.T, b *book) {
			c, _ := b.subscribed("a", "portal", 1, 5)
			c.Deaf(b.at(6))
			b.publish(t, 10, 12, "portal")
			c.Hears(b.at(3000))
		}, counts{expected: 1, missing: 1}},
		{"the server gave the slow client up", func(t *testing.T, b *book) {
			c, s := b.subscribed("a", "portal", 1, 5)
			c.Deaf(b.at(6))
			b.publish(t, 10, 12, "portal")
			s.Cut(b.at(8000))
		}, counts{}},
		{"not due when the connection was cut just then", func(t *testing.T, b *book) {
			_, s := b.subscribed("a", "portal", 1, 5)
			b.publish(t, 10, 12, "portal")
			s.Cut(b.at(100))
		}, counts{}},
		{"while it was coming", func(t *testing.T, b *book) {
			_, s := b.subscribed("a", "portal", 1, 20)
			_, data := b.publish(t, 10, 12, "portal")
			b.publish(t, 11, 13, "portal")
			s.Received(b.rec, "E", data, b.at(21))
		}, counts{uncertain: 1}},
		{"sent before it asked, accepted after", func(t *testing.T, b *book) {
			p, data := b.publish(t, 1, 0, "portal")
			_, s := b.subscribed("a", "portal", 5, 8)
			p.Accepted(b.at(10))
			s.Received(b.rec, "E", data, b.at(11))
		}, counts{uncertain: 1}},
		{"accepted before it asked", func(t *testing.T, b *book) {
			_, data := b.publish(t, 1, 2, "portal")
			_, s := b.subscribed("a", "portal", 1500, 1508)
			s.Received(b.rec, "E", data, b.at(1511))
		}, counts{leaked: 1}},
		{"accepted just before it asked, by a server of several nodes", func(t *testing.T, b *book) {
			_, data := b.publish(t, 1, 2, "portal")
			_, s := b.subscribed("a", "portal", 5, 8)
			s.Received(b.rec, "E", data, b.at(11))
		}, counts{uncertain: 1}},
		{"a whisper written before the client asked, which the server took after", func(t *testing.T, b *book) {
			a, _ := b.subscribed("a", "private-x", 1, 5)
			p := b.Send(harness.Sending{Event: "client-typing", Channels: []string{"private-x"}, Due: b.at(10), At: b.at(10), Sender: a, Whisper: true})
			data, _ := p.Mark([]byte(`{}`))
			p.Accepted(b.at(10))
			_, sb := b.subscribed("b", "private-x", 2000, 2010)
			sb.Received(b.rec, "client-typing", data, b.at(2011))
		}, counts{uncertain: 1}},
		{"accepted before it asked, from a cache channel", func(t *testing.T, b *book) {
			_, data := b.publish(t, 1, 2, "cache-portal")
			_, s := b.subscribed("a", "cache-portal", 1500, 1508)
			s.Received(b.rec, "E", data, b.at(1511))
		}, counts{uncertain: 1}},
		{"refused and yet delivered", func(t *testing.T, b *book) {
			_, s := b.subscribed("a", "portal", 1, 5)
			p, data := b.publish(t, 10, 0, "portal")
			p.Refused()
			s.Received(b.rec, "E", data, b.at(13))
		}, counts{leaked: 1}},
		{"without an answer nothing is due", func(t *testing.T, b *book) {
			b.subscribed("a", "portal", 1, 5)
			b.publish(t, 10, 0, "portal")
		}, counts{}},
		{"toOthers to the sender", func(t *testing.T, b *book) {
			a, sa := b.subscribed("a", "portal", 1, 5)
			_, sb := b.subscribed("b", "portal", 1, 5)
			p := b.Send(harness.Sending{Event: "E", Channels: []string{"portal"}, Due: b.at(10), At: b.at(10), Sender: a})
			data, _ := p.Mark([]byte(`{}`))
			p.Accepted(b.at(12))
			sb.Received(b.rec, "E", data, b.at(13))
			sa.Received(b.rec, "E", data, b.at(13))
		}, counts{expected: 1, delivered: 1, leaked: 1}},
		{"whispers of one sender out of order", func(t *testing.T, b *book) {
			a, _ := b.subscribed("a", "private-x", 1, 5)
			_, sb := b.subscribed("b", "private-x", 1, 5)
			var sent [][]byte
			for i := range 2 {
				p := b.Send(harness.Sending{Event: "client-typing", Channels: []string{"private-x"}, Due: b.at(10 + i), At: b.at(10 + i), Sender: a, Whisper: true})
				data, _ := p.Mark([]byte(`{}`))
				p.Accepted(b.at(10 + i))
				sent = append(sent, data)
			}
			sb.Received(b.rec, "client-typing", sent[1], b.at(13))
			sb.Received(b.rec, "client-typing", sent[0], b.at(14))
		}, counts{expected: 2, delivered: 2, reordered: 1}},
		{"on its way when the client left", func(t *testing.T, b *book) {
			a, s := b.subscribed("a", "portal", 1, 5)
			_, data := b.publish(t, 10, 12, "portal")
			s.Left(b.at(13))
			a.Stray(b.rec, "portal", "E", data, b.at(14))
		}, counts{uncertain: 1}},
		{"on its way when the client left and asked again", func(t *testing.T, b *book) {
			a, s := b.subscribed("a", "portal", 1, 5)
			_, data := b.publish(t, 10, 12, "portal")
			s.Left(b.at(13))
			again := a.Subscribing("portal", "", b.at(13))
			again.Received(b.rec, "E", data, b.at(14))
			again.Confirmed(b.at(15))
		}, counts{uncertain: 1}},
		{"to the sender, back on another connection: the server leaves out the one that sent it", func(t *testing.T, b *book) {
			a, first := b.subscribed("a", "private-x", 1, 5)
			p := b.Send(harness.Sending{Event: "client-typing", Channels: []string{"private-x"}, Due: b.at(10), At: b.at(10), Sender: a, Whisper: true})
			data, _ := p.Mark([]byte(`{}`))
			p.Accepted(b.at(10))
			first.Cut(b.at(11))
			a.Lost(b.at(11))
			second := a.Subscribing("private-x", "", b.at(12))
			second.Confirmed(b.at(14))
			second.Received(b.rec, "client-typing", data, b.at(15))
		}, counts{uncertain: 1}},
		{"whispers of one sender from two connections, which have no order", func(t *testing.T, b *book) {
			a, first := b.subscribed("a", "private-x", 1, 5)
			_, sb := b.subscribed("b", "private-x", 1, 5)
			var sent [][]byte
			for i := range 2 {
				p := b.Send(harness.Sending{Event: "client-typing", Channels: []string{"private-x"}, Due: b.at(10 + i), At: b.at(10 + i), Sender: a, Whisper: true})
				data, _ := p.Mark([]byte(`{}`))
				p.Accepted(b.at(10 + i))
				sent = append(sent, data)
				if i == 0 {
					first.Cut(b.at(10))
					a.Lost(b.at(10))
				}
			}
			sb.Received(b.rec, "client-typing", sent[1], b.at(13))
			sb.Received(b.rec, "client-typing", sent[0], b.at(14))
		}, counts{expected: 1, delivered: 1, uncertain: 1}},
		{"a whisper whose sender's connection ended just then", func(t *testing.T, b *book) {
			a, _ := b.subscribed("a", "private-x", 1, 5)
			b.subscribed("b", "private-x", 1, 5)
			p := b.Send(harness.Sending{Event: "client-typing", Channels: []string{"private-x"}, Due: b.at(10), At: b.at(10), Sender: a, Whisper: true})
			p.Accepted(b.at(10))
			a.Lost(b.at(11))
		}, counts{}},
		{"with other data", func(t *testing.T, b *book) {
			_, s := b.subscribed("a", "portal", 1, 5)
			_, other := b.subscribed("b", "portal", 1, 5)
			_, data := b.publish(t, 10, 12, "portal")
			other.Received(b.rec, "E", data, b.at(13))
			s.Received(b.rec, "E", bytes.Replace(data, []byte(`"id":1`), []byte(`"id":2`), 1), b.at(13))
		}, counts{expected: 2, delivered: 2, altered: 1}},
		{"written anew by a server that decodes it, as PHP does", func(t *testing.T, b *book) {
			_, s := b.subscribed("a", "portal", 1, 5)
			p := b.Send(harness.Sending{Event: "E", Channels: []string{"portal"}, Due: b.at(10), At: b.at(10)})
			data, _ := p.Mark([]byte(`{"url":"/x","name":"é","none":{},"sum":1.0}`))
			p.Accepted(b.at(12))
			mark := data[bytes.Index(data, []byte(`"echolab"`)):]
			s.Received(b.rec, "E", append([]byte(`{"sum": 1, "none":[],"url":"\/x","name":"\u00e9",`), mark...), b.at(13))
		}, counts{expected: 1, delivered: 1}},
		{"on two channels", func(t *testing.T, b *book) {
			_, one := b.subscribed("a", "x", 1, 5)
			_, two := b.subscribed("b", "y", 1, 5)
			_, data := b.publish(t, 10, 12, "x", "y")
			one.Received(b.rec, "E", data, b.at(13))
			two.Received(b.rec, "E", data, b.at(13))
		}, counts{expected: 2, delivered: 2}},
		{"given up, then it came", func(t *testing.T, b *book) {
			_, s := b.subscribed("a", "portal", 1, 5)
			_, data := b.publish(t, 10, 12, "portal")
			assert.Equal(t, int64(1), b.Sweep(b.at(10_011)))
			s.Received(b.rec, "E", data, b.at(11_000))
		}, counts{expected: 1, delivered: 1, late: 1}},
		{"not given up too early", func(t *testing.T, b *book) {
			_, s := b.subscribed("a", "portal", 1, 5)
			_, data := b.publish(t, 10, 12, "portal")
			assert.Zero(t, b.Sweep(b.at(10_009)))
			assert.True(t, b.Waiting())
			s.Received(b.rec, "E", data, b.at(10_009))
			assert.False(t, b.Waiting())
		}, counts{expected: 1, delivered: 1}},
		{"back after a lost connection", func(t *testing.T, b *book) {
			c, s := b.subscribed("a", "portal", 1, 5)
			s.Cut(b.at(100))
			b.publish(t, 500, 501, "portal") // nobody was there
			again := c.Subscribing("portal", "", b.at(1100))
			again.Confirmed(b.at(1105))
			_, data := b.publish(t, 1200, 1201, "portal")
			again.Received(b.rec, "E", data, b.at(1202))
		}, counts{expected: 1, delivered: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBook(t)
			c.run(t, b)
			got := b.Settle(b.at(60_000))
			assert.Equal(t, c.want, counts{got.Expected, got.Delivered, got.Uncertain, got.Missing, got.Duplicate, got.Reordered, got.Leaked, got.Late, got.Altered})
			for _, e := range got.Evidence {
				assert.NotEmpty(t, e.Why)
				assert.NotEmpty(t, e.Client)
				assert.NotEmpty(t, e.Socket)
			}
		})
	}
}

func TestLedger_LatencyCountsFromTheDueTime(t *testing.T) {
	b := newBook(t)
	_, s := b.subscribed("a", "portal", 1, 5)
	p := b.Send(harness.Sending{Event: "E", Channels: []string{"portal"}, Due: b.at(10), At: b.at(60)}) // the generator was 50 ms late
	data, _ := p.Mark([]byte(`{"a":[1]}`))
	p.Accepted(b.at(61))
	s.Received(b.rec, "E", data, b.at(70))
	r := harness.Result{Metrics: b.registry.Results()}
	m, ok := r.Metric("delivery_latency", map[string]string{"kind": "public", "event": "E", "source": "http"})
	require.True(t, ok)
	assert.InDelta(t, 60, m.Percentile(50), 0.1)
}

func TestLedger_AForeignMarkIsNobodysLeak(t *testing.T) {
	b := newBook(t)
	_, s := b.subscribed("a", "portal", 1, 5)
	s.Received(b.rec, "E", []byte(`{"echolab":"other.7.100"}`), b.at(10))
	s.Received(b.rec, "E", []byte(`{"echolab":"r1.99.100"}`), b.at(10))
	s.Received(b.rec, "E", []byte(`{"id":3}`), b.at(10))
	got := b.Settle(b.at(20))
	assert.Equal(t, int64(2), got.Foreign)
	assert.Equal(t, int64(1), got.Unmarked)
	assert.Zero(t, got.Leaked)
}

func TestMark_SurvivesEscapingAndLeavesOtherPayloadsAlone(t *testing.T) {
	b := newBook(t)
	for i, payload := range []string{`{}`, ` {"a":1} `, `{"a":{"echolab":"x"}}`} {
		_, s := b.subscribed(fmt.Sprint(i), "portal", 1, 5)
		p := b.Send(harness.Sending{Event: "E", Channels: []string{"portal"}, Due: b.at(10), At: b.at(10)})
		data, ok := p.Mark([]byte(payload))
		require.True(t, ok)
		p.Accepted(b.at(11))
		s.Received(b.rec, "E", fmt.Appendf(nil, `{"event":"E","data":%q}`, data), b.at(12))
	}
	got := b.Settle(b.at(20))
	assert.Equal(t, int64(3), got.Published)
	assert.Zero(t, got.Unmarked+got.Foreign)
	p := b.Send(harness.Sending{Event: "E", Channels: []string{"portal"}, Due: b.at(10), At: b.at(10)})
	for _, payload := range []string{`[1]`, `"x"`, `7`, ``, `{`} {
		data, ok := p.Mark([]byte(payload))
		assert.False(t, ok)
		assert.Equal(t, payload, string(data))
	}
}

func FuzzLedgerReceived(f *testing.F) {
	f.Add([]byte(`{"echolab":"r1.1.5"}`))
	f.Add([]byte(`echolab\":\"r1.18446744073709551615.`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b := newBook(t)
		_, s := b.subscribed("a", "portal", 1, 5)
		b.publish(t, 6, 7, "portal")
		s.Received(b.rec, "E", data, b.at(10))
		b.Settle(b.at(20))
	})
}

func BenchmarkLedgerReceived(b *testing.B) {
	start := time.Now()
	registry := harness.NewRegistry()
	l := harness.NewLedger(harness.LedgerConfig{Run: "r1", Start: start, Registry: registry})
	rec := registry.Recorder()
	var subs []*harness.Subscription
	for i := range 1000 {
		s := l.Client(fmt.Sprint(i)).Subscribing("portal", "", start)
		s.Confirmed(start.Add(time.Microsecond))
		subs = append(subs, s)
	}
	b.ReportAllocs()
	b.ResetTimer()
	var data []byte
	for i := 0; i < b.N; i++ {
		if i%1000 == 0 {
			now := time.Now()
			p := l.Send(harness.Sending{Event: "E", Channels: []string{"portal"}, Due: now, At: now})
			data, _ = p.Mark(fmt.Appendf(nil, `{"pad":"%0180d"}`, i))
			p.Accepted(now)
		}
		subs[i%1000].Received(rec, "E", data, time.Now())
	}
}
