package laravel_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"echolab/emulator/laravel"
	"echolab/emulator/pusher"
)

// syncClock moves by hand. Whoever waits for an instant is woken when it has come.
type syncClock struct {
	mu      sync.Mutex
	now     time.Time
	waiting map[chan time.Time]time.Time
	asked   chan struct{} // gets one for each call of At
}

func newSyncClock() *syncClock {
	return &syncClock{now: noon, waiting: map[chan time.Time]time.Time{}, asked: make(chan struct{}, 1000)}
}

func (c *syncClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *syncClock) At(t time.Time) (<-chan time.Time, func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	came := make(chan time.Time, 1)
	c.waiting[came] = t
	c.asked <- struct{}{}
	return came, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.waiting, came)
	}
}

// set moves the clock, forwards or backwards.
func (c *syncClock) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
	for came, at := range c.waiting {
		if !at.After(now) {
			came <- now
			delete(c.waiting, came)
		}
	}
}

func (c *syncClock) advance(d time.Duration) { c.set(c.Now().Add(d)) }

// keptRows is a store that outlives a Backend.
type keptRows struct {
	mu     sync.Mutex
	tables map[laravel.Table]map[string]json.RawMessage
	writes int
	broken error
}

func newKeptRows() *keptRows {
	return &keptRows{tables: map[laravel.Table]map[string]json.RawMessage{}}
}

func (s *keptRows) Rows(_ context.Context, table laravel.Table, each func(string, json.RawMessage) error) error {
	rows := s.of(table)
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		if err := each(key, rows[key]); err != nil {
			return err
		}
	}
	return nil
}

func (s *keptRows) Write(_ context.Context, changes []laravel.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return s.broken
	}
	s.writes++
	for _, c := range changes {
		if s.tables[c.Table] == nil {
			s.tables[c.Table] = map[string]json.RawMessage{}
		}
		if c.Row == nil {
			delete(s.tables[c.Table], c.Key)
			continue
		}
		text, err := json.Marshal(c.Row)
		if err != nil {
			return err
		}
		s.tables[c.Table][c.Key] = text
	}
	return nil
}

func (s *keptRows) of(table laravel.Table) map[string]json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.tables[table])
}

func (s *keptRows) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

// syncRig is a running application with everything around it.
type syncRig struct {
	t     *testing.T
	b     *laravel.Backend
	app   *laravel.Application
	clock *syncClock
	rows  *keptRows
	stop  func()

	mu   sync.Mutex
	sent []pusher.Publication
	// onPublish is called before an event is taken.
	onPublish func(pusher.Publication) error
}

// open starts the portal at noon.
func openSync(t *testing.T, change ...func(*laravel.Application)) *syncRig {
	t.Helper()
	d := &syncRig{t: t, app: portal(), clock: newSyncClock(), rows: newKeptRows()}
	pages := []laravel.Object{{{Key: "id", Value: "0199-a/b"}}, {{Key: "id", Value: int64(1)}}}
	for n := range int64(101) {
		pages = append(pages, laravel.Object{{Key: "id", Value: 1000 + n}})
	}
	d.app.Entities["pages"] = pages // a type of the application's own, which belongs to nobody
	for _, c := range change {
		c(d.app)
	}
	d.start()
	return d
}

func (d *syncRig) start() {
	d.t.Helper()
	var err error
	d.b, err = laravel.New(d.t.Context(), laravel.Config{Mode: laravel.Fixed, Clock: d.clock, Store: d.rows, Publish: d.publish, Logger: slog.New(slog.DiscardHandler)}, d.app)
	require.NoError(d.t, err)
}

// run lets time pass for the application until the returned function is called.
func (d *syncRig) run() (stop func()) {
	ctx, cancel := context.WithCancel(d.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); d.b.Run(ctx) }()
	return func() { cancel(); <-done }
}

// kill begins anew with what is in the store, as after kill -9.
func (d *syncRig) kill() { d.start() }

func (d *syncRig) publish(_ context.Context, p pusher.Publication) error {
	if d.onPublish != nil {
		if err := d.onPublish(p); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sent = append(d.sent, p)
	return nil
}

// events takes what was published of a kind: its data, a line each.
func (d *syncRig) events(name string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	found := []string{}
	d.sent = slices.DeleteFunc(d.sent, func(p pusher.Publication) bool {
		if !strings.HasSuffix(p.Event, name) {
			return false
		}
		found = append(found, p.Data)
		return true
	})
	return found
}

// transitions takes the UserPresenceChanged that were published: "7 online", a line each.
func (d *syncRig) transitions() []string {
	d.t.Helper()
	found := []string{}
	for _, text := range d.events("UserPresenceChanged") {
		var e struct {
			User   struct{ ID int64 }
			Status string
		}
		require.NoError(d.t, json.Unmarshal([]byte(text), &e))
		found = append(found, fmt.Sprintf("%d %s", e.User.ID, e.Status))
	}
	return found
}

// ask is one request: user is an id or "" for a guest, body JSON or "".
func (d *syncRig) ask(user, method, path, body string) (status int, answer string) {
	d.t.Helper()
	var text io.Reader
	if body != "" {
		text = bytes.NewReader([]byte(body))
	}
	r := httptest.NewRequest(method, "http://localhost"+path, text)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	if user != "" {
		r.Header.Set("X-Echolab-User", user)
	}
	w := httptest.NewRecorder()
	d.b.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// beat is a heartbeat that must be taken.
func (d *syncRig) beat(user string) {
	d.t.Helper()
	status, answer := d.ask(user, "POST", "/api/sync/heartbeat", "")
	require.Equal(d.t, 200, status, answer)
}

// online is who is online: "7@Projects", in the order of the cast.
func (d *syncRig) online() []string {
	d.t.Helper()
	users, err := d.b.Online(d.t.Context())
	require.NoError(d.t, err)
	found := []string{}
	for _, u := range users {
		line := u.ID.String()
		if u.Location != nil {
			line += "@" + *u.Location
		}
		found = append(found, line)
	}
	return found
}

var errDisk = errors.New("the disk is full")
