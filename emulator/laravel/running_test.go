package laravel_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"echolab/emulator/laravel"
	"echolab/emulator/pusher"
)

// running runs an application until the test ends, on the machine's clock, which synctest holds. sent gives the names of
// what it has published; stop ends it before that.
func running(t *testing.T, mode laravel.Mode, app *laravel.Application) (b *laravel.Backend, sent func() []string, stop func()) {
	t.Helper()
	var mu sync.Mutex // guards names: Occur and the queue both publish
	var names []string
	b, err := laravel.New(t.Context(), laravel.Config{Mode: mode, Publish: func(_ context.Context, p pusher.Publication) error {
		mu.Lock()
		defer mu.Unlock()
		names = append(names, p.Event)
		return nil
	}}, app)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.Run(ctx)
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return b, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(names)
	}, stop
}
