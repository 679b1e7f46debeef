package api

import (
	"context"
	"net"
	"slices"
	"strings"

	"echolab/app"
	"echolab/app/store"
	"echolab/emulator/journal"
)

// For is the Backend of a running Echolab. version is shown on the page.
func For(a *app.App, version string) Backend { return backend{a, version} }

type backend struct {
	*app.App
	version string
}

func (b backend) Status() Status {
	cfg := b.Config()
	s := Status{
		Version:   b.version,
		StartedAt: b.StartedAt(),
		Profile:   cfg.Profile,
		Server: ServerStatus{
			Host: cfg.Host, Path: cfg.Path, Hostname: cfg.Hostname, URL: b.URL(),
			ReachableFromNetwork: b.ReachableFromNetwork(),
		},
		UI:       b.UIURL(),
		Apps:     []AppStatus{},
		Warnings: append([]string{}, cfg.Warnings...),
	}
	if tcp, ok := b.Addr().(*net.TCPAddr); ok {
		s.Server.Port = tcp.Port
	}
	for _, c := range b.Counts() {
		s.Apps = append(s.Apps, AppStatus{ID: c.App.ID, Key: c.App.Key, Connections: c.Connections, Channels: c.Channels, Subscribed: c.Subscribed})
	}
	st := b.Store()
	s.Store = StoreStatus{State: StoreOK, Path: strings.Join(st.Paths, ", "), Error: st.Error}
	switch {
	case !st.OK:
		s.Store.State = StoreFailing
	case !slices.ContainsFunc(st.Paths, func(path string) bool { return path != store.Memory }):
		s.Store.State = StoreMemory
	}
	return s
}

func (b backend) Secret(appID string) (string, bool) {
	for _, c := range b.Counts() {
		if c.App.ID == appID {
			return c.App.Secret, true
		}
	}
	return "", false
}

func (b backend) Entries(ctx context.Context, q Query) ([]journal.Entry, error) {
	entries, err := b.App.Entries(ctx, store.Query{App: q.App, Before: q.Before, Limit: q.Limit})
	slices.Reverse(entries)
	return entries, err
}
