package echo_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
	"echolab/harness/echo"
)

type only struct{ app pusher.App }

func (o *only) ByID(id string) (*pusher.App, bool)   { return &o.app, id == o.app.ID }
func (o *only) ByKey(key string) (*pusher.App, bool) { return &o.app, key == o.app.Key }

func serve(t *testing.T, profile *pusher.Profile) (*emulator.Server, echo.LineOptions) {
	t.Helper()
	app := pusher.DefaultApp()
	srv := emulator.New(emulator.Config{Profile: profile}, &only{app}, journal.New(journal.Options{}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { require.NoError(t, srv.Shutdown(context.Background())) })
	return srv, echo.LineOptions{URL: "http://" + l.Addr().String(), App: app}
}

func TestLine_HearsWhatItSubscribedTo(t *testing.T) {
	srv, opt := serve(t, nil)
	c, err := echo.DialLine(t.Context(), opt)
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.Subscribe(t.Context(), "private-a", ""))
	require.NoError(t, c.Subscribe(t.Context(), "presence-b", `{"user_id":"7","user_info":{}}`))
	assert.Equal(t, []emulator.Subscriber{{Socket: c.Socket(), User: "7"}}, srv.Subscribers(opt.App.ID, "presence-b"))
	_, err = srv.Publish(t.Context(), opt.App.ID, pusher.Publication{Event: "E", Data: `{"id":1}`, Channels: []string{"private-a"}}, journal.Server)
	require.NoError(t, err)
	e, err := c.Next(t.Context())
	require.NoError(t, err)
	assert.Equal(t, echo.Heard{Event: "E", Channel: "private-a", Data: `{"id":1}`}, e)

	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err = c.Next(ctx)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestLine_TellsTheServersNo(t *testing.T) {
	for _, profile := range pusher.Profiles {
		t.Run(profile.Name, func(t *testing.T) {
			srv, opt := serve(t, profile)
			wrong := opt
			wrong.App.Key = "nobody"
			_, err := echo.DialLine(t.Context(), wrong)
			var refused *echo.Refused
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, &echo.Refused{Code: 4001, Message: "Application does not exist"}, refused)

			wrong = opt
			wrong.App.Secret = "wrong"
			c, err := echo.DialLine(t.Context(), wrong)
			require.NoError(t, err)
			defer c.Close()
			require.ErrorAs(t, c.Subscribe(t.Context(), "private-a", ""), &refused)

			require.True(t, srv.Disconnect(opt.App.ID, c.Socket(), emulator.CloseAway, "bye"))
			_, err = c.Next(t.Context())
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, &echo.Refused{Code: emulator.CloseAway, Message: "the server closed the connection bye"}, refused)
		})
	}
	for _, url := range []string{"", "127.0.0.1:8080", "ftp://x"} {
		_, err := echo.DialLine(t.Context(), echo.LineOptions{URL: url})
		assert.Error(t, err, url)
	}
}
