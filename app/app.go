package app

import (
	"context"
	"errors"
	"net"
	"net/http"
)

// App is a running Echolab.
type App struct {
	config Config
	server net.Listener
	ui     net.Listener
	ready  chan struct{}
}

// Open takes the ports. An *Error of code Busy says that one of them is taken.
func Open(ctx context.Context, cfg Config) (*App, error) {
	server, err := listen(ctx, cfg.Host, cfg.Port, "port")
	if err != nil {
		return nil, err
	}
	ui, err := listen(ctx, cfg.UIHost, cfg.UIPort, "ui-port")
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return &App{config: cfg, server: server, ui: ui, ready: make(chan struct{})}, nil
}

// Addr is where the server listens, UIAddr where the UI does.
func (a *App) Addr() net.Addr { return a.server.Addr() }

// UIAddr is where the UI and the control API listen.
func (a *App) UIAddr() net.Addr { return a.ui.Addr() }

// Ready is closed once connections are answered.
func (a *App) Ready() <-chan struct{} { return a.ready }

// Run serves until ctx ends and then stops within the configuration's ShutdownTimeout.
func (a *App) Run(ctx context.Context) error {
	servers := []*http.Server{{Handler: http.NotFoundHandler()}, {Handler: http.NotFoundHandler()}}
	failed := make(chan error, len(servers))
	for i, listener := range []net.Listener{a.server, a.ui} {
		go func() { failed <- servers[i].Serve(listener) }()
	}
	close(a.ready)
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.config.ShutdownTimeout)
	defer cancel()
	for _, server := range servers {
		err = errors.Join(err, server.Shutdown(stop))
	}
	return err
}
