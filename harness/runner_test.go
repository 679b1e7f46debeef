package harness_test

import (
	"context"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
	"echolab/harness"
)

// oneApp is a server's only app.
type oneApp struct{ app pusher.App }

func (o oneApp) ByID(id string) (*pusher.App, bool)   { return &o.app, id == o.app.ID }
func (o oneApp) ByKey(key string) (*pusher.App, bool) { return &o.app, key == o.app.Key }

// reverb is a real emulator on a real port.
func reverb(t testing.TB) harness.Options {
	t.Helper()
	app := pusher.DefaultApp().WithDefaults()
	app.MaxMessageSize = 100_000
	server := emulator.New(emulator.Config{AckDelivered: true}, oneApp{app}, journal.New(journal.Options{}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		assert.NoError(t, server.Shutdown(ctx))
	})
	return harness.Options{URL: "http://" + l.Addr().String(), App: app, Embedded: true}
}

var _ = httptest.NewServer
