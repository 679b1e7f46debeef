package laravel_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"echolab/emulator/laravel"
	"echolab/emulator/pusher"
)

// running runs an application until the test ends, on the machine's clock, which synctest holds. sent gets the names of
// what it publishes; stop ends it before that.
func running(t *testing.T, mode laravel.Mode, app *laravel.Application, sent *[]string) (b *laravel.Backend, stop func()) {
	t.Helper()
	b, err := laravel.New(t.Context(), laravel.Config{Mode: mode, Publish: func(_ context.Context, p pusher.Publication) error {
		*sent = append(*sent, p.Event)
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
	return b, stop
}
