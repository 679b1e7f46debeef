package api

import (
	"net"
	"slices"
	"strings"

	"echolab/app"
	"echolab/app/store"
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
		LastSeq:   b.Journal().Last(),
		Version:   b.version,
		StartedAt: b.StartedAt(),
		Profile:   cfg.Profile,
		Server: ServerStatus{
			Host: cfg.Host, Path: cfg.Path, Hostname: b.Hostname(), Scheme: cfg.Scheme(), URL: b.URL(),
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
		s.Apps = append(s.Apps, AppStatus{ID: c.App.ID, Key: c.App.Key, Keys: c.App.Keys, Connections: c.Connections, Channels: c.Channels, Subscribed: c.Subscribed, Made: !c.Made.IsZero()})
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

// Running implements Operator.
func (b backend) Running() *app.App { return b.App }
