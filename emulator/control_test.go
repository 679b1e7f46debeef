package emulator_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

func TestConnections_TellWhoIsThereAndWhere(t *testing.T) {
	s := start(t, emulator.Config{})
	assert.Empty(t, s.srv.Connections(s.app.ID))
	ada := s.connect()
	ada.join("presence-b", member("7"))
	ada.join("a", "")
	quiet := s.connect()
	all := s.srv.Connections(s.app.ID)
	require.Len(t, all, 2)
	assert.Equal(t, ada.id, all[0].Socket)
	assert.Equal(t, "7", all[0].User)
	assert.Equal(t, []string{"presence-b", "a"}, all[0].Channels, "in the order of subscribing")
	assert.Equal(t, "Go-http-client/1.1", all[0].UserAgent)
	assert.WithinDuration(t, time.Now(), all[0].Since, time.Minute)
	assert.Equal(t, quiet.id, all[1].Socket)
	assert.Empty(t, all[1].Channels)
	assert.Equal(t, []emulator.Subscriber{{Socket: ada.id, User: "7"}}, s.srv.Subscribers(s.app.ID, "presence-b"))
	assert.Empty(t, s.srv.Subscribers(s.app.ID, "nobody"))
}

func TestDisconnect_SendsTheCodeAndJournalsIt(t *testing.T) {
	s := start(t, emulator.Config{})
	c, other := s.connect(), s.connect()
	tail := s.watch()
	require.True(t, s.srv.Disconnect(s.app.ID, c.id, emulator.CloseAway, "maintenance"))
	assert.Equal(t, emulator.CloseAway, c.closeCode())
	assert.Equal(t, "disconnected by hand with 4099: maintenance", entry(t, tail, journal.Closed).Note)
	require.True(t, s.srv.Disconnect(s.app.ID, other.id, emulator.CloseCut, ""))
	assert.Equal(t, websocket.CloseAbnormalClosure, other.closeCode())
	assert.False(t, s.srv.Disconnect(s.app.ID, "1.1", emulator.CloseAgain, ""))
	assert.False(t, s.srv.Disconnect("nope", c.id, emulator.CloseAgain, ""))
}

func TestDeliver_TellsWhatBecameOfEachChannel(t *testing.T) {
	s := start(t, emulator.Config{})
	ada, grace := s.connect(), s.connect()
	ada.join("a", "")
	grace.join("a", "")
	got, err := s.srv.Deliver(t.Context(), s.app.ID, pusher.Publication{Event: "E", Data: "{}", Channels: []string{"a", "b"}, Except: ada.id}, journal.Server)
	require.NoError(t, err)
	require.Len(t, got, 2)
	assert.Equal(t, 1, got[0].Recipients)
	assert.Equal(t, emulator.Delivery{Channel: "b", Seq: s.journal.Last()}, got[1])
	assert.Equal(t, "E", grace.next().Event)
	_, err = s.srv.Deliver(t.Context(), "nope", pusher.Publication{Event: "E", Channels: []string{"a"}}, journal.Server)
	assert.ErrorContains(t, err, "nope")
}

// dropped is a set of applications from which the only one can be taken, by a hook between lookup and use as well.
type dropped struct {
	apps
	gone    atomic.Bool
	looking func() // called by ByKey after it has found the app
}

func (d *dropped) ByID(id string) (*pusher.App, bool) {
	if d.gone.Load() {
		return nil, false
	}
	return d.apps.ByID(id)
}

func (d *dropped) ByKey(key string) (*pusher.App, bool) {
	if d.gone.Load() {
		return nil, false
	}
	app, ok := d.apps.ByKey(key)
	if d.looking != nil {
		d.looking()
	}
	return app, ok
}

func TestDrop_SendsEveryoneAwayForGood(t *testing.T) {
	d := &dropped{}
	s := start(t, emulator.Config{})
	d.apps = apps{s.app}
	s.serve(d)
	c := s.connect()
	c.join("presence-a", member("7"))
	d.gone.Store(true)
	assert.Equal(t, 1, s.srv.Drop(s.app.ID))
	assert.Equal(t, pusher.ErrNoApp.Code, c.closeCode())
	assert.Zero(t, s.srv.Drop(s.app.ID))
	assert.Empty(t, s.srv.Connections(s.app.ID))

	// A connection that was let in just before the app went does not stay either.
	d.gone.Store(false)
	d.looking = func() {
		d.gone.Store(true)
		s.srv.Drop(s.app.ID)
	}
	late := s.dial("?protocol=7")
	assert.Equal(t, pusher.ErrNoApp.Code, late.closeCode())
	assert.Empty(t, s.srv.Connections(s.app.ID))
}
