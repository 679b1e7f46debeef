package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"echolab/app/diagnosis"
	"echolab/emulator"
	"echolab/emulator/journal"
	"echolab/emulator/laravel"
	"echolab/emulator/pusher"
)

// backend is the emulated Laravel application of the first app, with the listener that it may have besides.
type backend struct {
	*laravel.Backend
	listener net.Listener // nil: it is on the emulator's port alone
	http     *http.Server
}

// openBackend makes the emulated application; nil where it is off.
func (a *App) openBackend(ctx context.Context) (_ *backend, err error) {
	cfg := a.config
	if cfg.Backend == string(laravel.Off) || cfg.Application == nil {
		return nil, nil
	}
	b := new(backend)
	b.Backend, err = laravel.New(ctx, laravel.Config{
		Mode:    laravel.Mode(cfg.Backend),
		App:     a.signingApp,
		Publish: a.publishAsBackend,
		Hosts:   []string{cfg.Hostname, cfg.Host, hostOf(cfg.BackendAddr), cfg.PublishesTo.Host},
		Server:  a.clientsAt,
		Known:   publishedTokens(),
		Refused: a.noteRefused,
		Say: func(level slog.Level, msg, about, reason string, args ...any) {
			a.server.Say(level, msg, about, reason, args...)
		},
		Store:  backendRows{a.store.Backend(cfg.Apps[0].ID)},
		Logger: a.log,
	}, cfg.Application)
	if err != nil {
		return nil, fmt.Errorf("the emulated application: %w", err)
	}
	if cfg.BackendAddr != "" {
		host, port, err := net.SplitHostPort(cfg.BackendAddr)
		if err != nil {
			return nil, fmt.Errorf("the emulated application: %w", err)
		}
		n, err := strconv.Atoi(port)
		if err != nil {
			return nil, fmt.Errorf("the emulated application: port %s: %w", port, err)
		}
		if b.listener, err = listen(ctx, host, n, "--backend-addr "+net.JoinHostPort(host, "")); err != nil {
			return nil, err
		}
		b.http = &http.Server{Handler: b.Backend, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
			WriteTimeout: time.Minute, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10,
			ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug)}
	}
	return b, nil
}

// listensAt is where a program on this machine reaches the server.
func (a *App) listensAt() *url.URL {
	at, err := url.Parse(a.URL())
	if err != nil { // an IPv6 zone, such as fe80::1%eth0
		return &url.URL{Scheme: a.config.Scheme(), Host: net.JoinHostPort("localhost", strconv.Itoa(a.config.Port))}
	}
	return at
}

// clientsAt is where clients find the server: its address under the name that it was given for them.
func (a *App) clientsAt() *url.URL {
	at := a.listensAt()
	if name := a.Hostname(); name != "" && checkHost(name) == "" && !slices.Contains([]string{"0.0.0.0", "::"}, name) {
		at.Host = net.JoinHostPort(name, at.Port())
	}
	return at
}

// hostOf is the host of an address with a port, "" where there is none.
func hostOf(addr string) string {
	host, _, _ := net.SplitHostPort(addr)
	return host
}

// signingApp is the first app, whose back end is emulated.
func (a *App) signingApp() (*pusher.App, bool) { return &a.apps.all()[0].App, true }

// publishAsBackend is how the emulated application sends an event: through the doors that a signed publish takes. What is
// refused there is Laravel's BroadcastException (protocol H.6).
func (a *App) publishAsBackend(ctx context.Context, p pusher.Publication) error {
	_, err := a.server.Publish(ctx, a.apps.all()[0].ID, p, journal.Server)
	var no *emulator.Refusal
	if errors.As(err, &no) {
		why := no.Why
		if why != "" {
			why = " (" + why + ")"
		}
		return fmt.Errorf("BroadcastException: Pusher error: %s.%s", no.Text, why)
	}
	return err
}

// noteRefused puts a no of /broadcasting/auth into the journal: the server itself never hears of such a subscription.
func (a *App) noteRefused(ctx context.Context, no laravel.RefusedChannel) {
	if a.journal.Admit(ctx) != nil {
		return // the caller has gone, or the database is stuck
	}
	a.journal.Append(journal.Entry{Kind: journal.Refused, Source: journal.Server, App: a.apps.all()[0].ID, Event: diagnosis.RefusedAuth,
		Channel: cut(no.Channel), Socket: cut(no.Socket), User: cut(no.User), Note: cut(no.Why)})
}

// cut is a stranger's text as far as an entry keeps it.
func cut(text string) string {
	const most = 200
	if len(text) <= most {
		return strings.ToValidUTF8(text, "\uFFFD")
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// runBackend starts what the emulated application does by itself, and looking for changed files. The function that it returns ends that and its
// listener, within the time of its context: call it before the journal closes.
func (a *App) runBackend(ctx context.Context) (end func(context.Context)) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { a.watchFiles(ctx) })
	if a.backend != nil {
		running.Go(func() { a.backend.Run(ctx) })
		running.Go(func() { a.tellWhoLeft(ctx, a.journal.Follow(a.journal.Last(), false).Gather(5*time.Millisecond)) })
	}
	done := make(chan struct{})
	return func(limit context.Context) {
		defer cancel()
		if a.backend != nil && a.backend.http != nil {
			wait, cancelWait := context.WithTimeout(limit, time.Second) // browsers keep connections open that ask for nothing
			if a.backend.http.Shutdown(wait) != nil {
				_ = a.backend.http.Close()
			}
			cancelWait()
		}
		cancel()
		go func() {
			running.Wait()
			close(done)
		}()
		select {
		case <-done:
		case <-limit.Done():
		}
	}
}

// tellWhoLeft tells the emulated application whose last socket left a presence channel, until ctx ends: what they had
// locked there is free again. Somebody who is back by then, as after a reload, has not left. What a slow follower misses
// ends by its time.
func (a *App) tellWhoLeft(ctx context.Context, tail *journal.Tail) {
	defer tail.Close()
	app := a.config.Apps[0].ID
	batch := make([]journal.Entry, 64)
	for {
		n, _, err := tail.Next(ctx, batch)
		if err != nil {
			return
		}
		for _, e := range batch[:n] {
			if e.Kind != journal.Left || e.App != app {
				continue
			}
			back := slices.ContainsFunc(a.server.Subscribers(app, e.Channel), func(s emulator.Subscriber) bool { return s.User == e.User })
			if !back {
				a.backend.Left(ctx, e.Channel, e.User)
			}
		}
	}
}

// BackendStatus is the emulated application at a moment.
type BackendStatus struct {
	Mode        laravel.Mode
	URL         string               // "" when it is off
	Application *laravel.Application // nil when it is off; must not be changed
	File        string               // the echolab.yaml that was read last, "" for none
	Problem     string               // why a changed configuration is not used
	Waiting     []string             // settings that differ in the files and need a restart
	Policy      string               // connect-src of a page that connects to the server, with the port; "" when it is off or as written
	Notes       []string             // what does not show on the wire; see laravel.Notes
}

// BackendStatus tells how the emulated application is run and what it consists of now.
func (a *App) BackendStatus() BackendStatus {
	a.reloading.Lock()
	s := BackendStatus{Mode: laravel.Mode(a.config.Backend), URL: a.BackendURL(), File: a.read, Problem: a.problem, Waiting: slices.Clone(a.waiting)}
	a.reloading.Unlock()
	if a.backend != nil {
		s.Application = a.backend.Application()
		s.Notes = laravel.Notes(s.Mode, a.clientsAt(), a.listensAt())
		if s.Mode != laravel.AsWritten {
			s.Policy = laravel.PagePolicy(s.Mode, a.clientsAt())
		}
	}
	return s
}

// BackendURL is where a client on this machine reaches the emulated application: its own listener, else the emulator's;
// "" where it is off.
func (a *App) BackendURL() string {
	switch addr := a.BackendAddr(); {
	case a.backend == nil:
		return ""
	case addr != nil:
		return "http://" + reachable(addr)
	}
	return strings.TrimSuffix(a.URL(), a.config.Path)
}

// BackendAddr is where the emulated application listens besides; nil where it does not.
func (a *App) BackendAddr() net.Addr {
	if a.backend == nil || a.backend.listener == nil {
		return nil
	}
	return a.backend.listener.Addr()
}
