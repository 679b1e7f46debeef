package echo_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/journal"
	"echolab/emulator/pusher"
	"echolab/harness/echo"
)

// engine is one that ends with the test.
func engine(t testing.TB, cfg echo.Config) *echo.Engine {
	e := echo.NewEngine(cfg)
	t.Cleanup(e.Close)
	return e
}

// await waits for a value that a callback sends.
func await[T any](t testing.TB, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(10 * time.Second):
		require.FailNow(t, "nothing came within 10 s")
		panic("not reached")
	}
}

func TestClient_AgainstTheEmulator(t *testing.T) {
	for name, cfg := range map[string]echo.Config{"polled": {}, "portable": {Portable: true}} {
		t.Run(name, func(t *testing.T) {
			srv, at := serve(t, pusher.Hosted)
			e := engine(t, cfg)
			opt := &echo.Options{Key: at.App.Key, Authorizer: &echo.Signer{App: at.App, Member: func(c *echo.Client, _ string) (echo.Member, bool) {
				id := c.Tag.(string)
				return echo.Member{ID: id, Info: fmt.Appendf(nil, `{"name":%q}`, id)}, true
			}}}
			require.NoError(t, opt.ForURL(at.URL))
			ada, bo := e.Client(opt, "ada"), e.Client(opt, "bo")
			said := make(chan string, 20)
			await := func(want string) {
				t.Helper()
				require.Equal(t, want, await(t, said))
			}
			ada.Do(func() {
				ada.Connect()
				ada.Private("invoices").Listen("InvoiceCreated", func(e *echo.Event) { said <- "ada " + e.Name + " " + string(e.Data()) }).OnSubscribed(func() { said <- "ada in" })
			})
			await("ada in")
			bo.Do(func() {
				bo.Connect()
				private := bo.Private("invoices").ListenForWhisper("typing", func(e *echo.Event) { said <- "bo " + e.Name + " " + string(e.Data()) })
				first := true
				private.OnSubscribed(func() {
					if first {
						said <- "bo in"
					}
					first = false
				})
			})
			await("bo in")
			_, err := srv.Publish(t.Context(), at.App.ID, pusher.Publication{Event: `App\Events\InvoiceCreated`, Data: `{"id":1}`, Channels: []string{"private-invoices"}}, journal.Server)
			require.NoError(t, err)
			await(`ada App\Events\InvoiceCreated {"id":1}`)
			ada.Do(func() { _, _ = ada.Private("invoices").Whisper("typing", []byte(`{"on":true}`)) })
			await(`bo client-typing {"on":true}`)

			ids := func(members []echo.Member) string {
				var s string
				for _, m := range members {
					s += m.ID
					assert.JSONEq(t, `{"name":"`+m.ID+`"}`, string(m.Info))
				}
				return s
			}
			ada.Do(func() {
				ada.Join("room").Here(func(m []echo.Member) { said <- "ada here " + ids(m) }).Joining(func(m echo.Member) { said <- "joining " + m.ID }).Leaving(func(m echo.Member) { said <- "leaving " + m.ID })
			})
			await("ada here ada")
			bo.Do(func() { bo.Join("room") })
			await("joining bo")
			bo.Do(bo.Cut)
			await("leaving bo")
			await("joining bo")
			bo.Do(bo.Close)
			await("leaving bo")
		})
	}
}

func TestClient_SignsIn(t *testing.T) {
	srv, at := serve(t, pusher.Hosted)
	e := engine(t, echo.Config{})
	opt := &echo.Options{Key: at.App.Key, Authorizer: &echo.Signer{App: at.App, Member: func(*echo.Client, string) (echo.Member, bool) {
		return echo.Member{ID: "7"}, true
	}}}
	require.NoError(t, opt.ForURL(at.URL))
	in := make(chan string, 1)
	opt.Observer = func(_ *echo.Client, n *echo.Notice) {
		if n.Kind == echo.NoticeEvent && n.Channel == "#server-to-user-7" && n.Event.Name == "pusher_internal:subscription_succeeded" {
			in <- "in"
		}
	}
	c := e.Client(opt, nil)
	heard := make(chan json.RawMessage, 1)
	c.Do(func() {
		c.Connect()
		c.SignIn().Bind("greet", func(e *echo.Event) { heard <- append(json.RawMessage(nil), e.Data()...) })
	})
	await(t, in)
	_, err := srv.Publish(t.Context(), at.App.ID, pusher.Publication{Event: "greet", Data: `{"n":1}`, Channels: []string{"#server-to-user-7"}}, journal.Server)
	require.NoError(t, err)
	assert.Equal(t, `{"n":1}`, string(await(t, heard)))
}

// signed are options for a server, with the app's secret at hand.
func signed(t *testing.T, at echo.LineOptions) *echo.Options {
	opt := &echo.Options{Key: at.App.Key, Authorizer: &echo.Signer{App: at.App}}
	require.NoError(t, opt.ForURL(at.URL))
	return opt
}

func TestClient_PauseLetsTheServerWait(t *testing.T) {
	for name, cfg := range map[string]echo.Config{"polled": {}, "portable": {Portable: true}} {
		t.Run(name, func(t *testing.T) {
			srv, at := serve(t, pusher.Reverb)
			e := engine(t, cfg)
			opt := signed(t, at)
			slow, quick := make(chan string, 10), make(chan string, 10)
			in := make(chan struct{}, 2)
			var clients []*echo.Client
			for _, to := range []chan string{slow, quick} {
				c := e.Client(opt, nil)
				c.Do(func() {
					c.Connect()
					c.Channel("a").Listen(".E", func(e *echo.Event) { to <- string(e.Data()) }).OnSubscribed(func() { in <- struct{}{} })
				})
				await(t, in)
				clients = append(clients, c)
			}
			publish := func(data string) {
				_, err := srv.Publish(t.Context(), at.App.ID, pusher.Publication{Event: "E", Data: data, Channels: []string{"a"}}, journal.Server)
				require.NoError(t, err)
			}
			clients[0].Do(func() { clients[0].Pause(true) })
			if cfg.Portable {
				publish("0") // a read that was under way still gives what it got
				await(t, quick)
			}
			publish("1")
			publish("2")
			assert.Equal(t, "1", await(t, quick))
			assert.Equal(t, "2", await(t, quick))
			clients[0].Do(func() {})
			if !cfg.Portable {
				assert.Empty(t, slow)
			}
			clients[0].Do(func() { clients[0].Pause(false) })
			if cfg.Portable {
				assert.Equal(t, "0", await(t, slow))
			}
			assert.Equal(t, "1", await(t, slow))
			assert.Equal(t, "2", await(t, slow))
		})
	}
}

func TestClient_OverTLS(t *testing.T) {
	srv, at := serve(t, pusher.Reverb)
	web := httptest.NewTLSServer(srv)
	defer web.Close()
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	e := engine(t, echo.Config{TLS: &tls.Config{RootCAs: roots}})
	at.URL = web.URL
	opt := signed(t, at)
	in := make(chan struct{}, 1)
	c := e.Client(opt, nil)
	c.Do(func() {
		c.Connect()
		c.Private("a").OnSubscribed(func() { in <- struct{}{} })
	})
	await(t, in)
	c.Do(c.Close)

	// A certificate that nobody vouches for is an error that says so.
	stranger := engine(t, echo.Config{})
	failed := make(chan string, 2)
	opt = signed(t, at)
	opt.Observer = func(_ *echo.Client, n *echo.Notice) {
		if n.Kind == echo.NoticeSocketError {
			failed <- n.Err.Error()
		}
	}
	c = stranger.Client(opt, nil)
	c.Do(c.Connect)
	assert.Contains(t, await(t, failed), "certificate")
}

func TestClient_CrowdInOneRoom(t *testing.T) {
	srv, at := serve(t, pusher.Reverb)
	e := engine(t, echo.Config{Loops: 3})
	const n = 60
	opt := signed(t, at)
	opt.Authorizer = &echo.Signer{App: at.App, Member: func(c *echo.Client, _ string) (echo.Member, bool) {
		return echo.Member{ID: fmt.Sprint(c.Tag)}, true
	}}
	changed := make(chan struct{}, n*n*2)
	var clients []*echo.Client
	for i := range n {
		c := e.Client(opt, i)
		clients = append(clients, c)
		c.Post(func() {
			c.Connect()
			tell := func(echo.Member) { changed <- struct{}{} }
			c.Join("room").Here(func([]echo.Member) { changed <- struct{}{} }).Joining(tell).Leaving(tell)
		})
	}
	all := func(want int) {
		t.Helper()
		for _, c := range clients {
			for {
				have := 0
				c.Do(func() { have = len(c.Join("room").Members()) })
				if have == want {
					break
				}
				await(t, changed)
			}
		}
	}
	all(n)
	for _, c := range clients[:n/3] {
		c.Do(c.CloseTab)
	}
	clients = clients[n/3:]
	all(n - n/3)
	assert.Len(t, srv.Subscribers(at.App.ID, "presence-room"), n-n/3)
}

// TestClient_DisconnectAndConnectAtOnce: the old WebSocket closes after the new attempt has begun, and is told as the page's own
// doing and none of the present connection's.
func TestClient_DisconnectAndConnectAtOnce(t *testing.T) {
	_, at := serve(t, pusher.Reverb)
	e := engine(t, echo.Config{})
	opt := signed(t, at)
	connected, closed := make(chan struct{}, 1), make(chan echo.Notice, 1)
	opt.Observer = func(_ *echo.Client, n *echo.Notice) {
		switch n.Kind {
		case echo.NoticeConnected:
			connected <- struct{}{}
		case echo.NoticeClosed:
			closed <- *n
		}
	}
	c := e.Client(opt, nil)
	c.Do(c.Connect)
	await(t, connected)
	for range 50 {
		c.Do(func() { c.Disconnect(); c.Connect() })
		n := await(t, closed)
		assert.True(t, n.Own)
		assert.False(t, n.Current)
		await(t, connected)
	}
	c.Do(c.Cut)
	n := await(t, closed)
	assert.True(t, n.Own)
	assert.True(t, n.Current)
}
