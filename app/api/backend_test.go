package api_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app"
	"echolab/app/api"
	"echolab/app/store"
)

func TestFor_TellsTheNameAndWhereEntriesAreKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "events.sqlite")
	for _, tc := range []struct {
		hostname, db string
		store        api.StoreStatus
	}{
		{"lab.test", ":memory:", api.StoreStatus{State: api.StoreMemory, Path: ":memory:"}},
		{"", file, api.StoreStatus{State: api.StoreOK, Path: file}},
	} {
		cfg, err := app.Load(app.Sources{Dir: t.TempDir(), Flags: map[string]string{
			"port": "0", "ui-port": "0", "hostname": tc.hostname, "db": tc.db,
		}})
		require.NoError(t, err)
		running, err := app.Open(t.Context(), cfg, nil)
		require.NoError(t, err)
		defer running.Close()

		status := api.For(running, "0.1.0").Status()
		assert.Equal(t, tc.hostname, status.Server.Hostname)
		assert.Equal(t, tc.store, status.Store)
		assert.Positive(t, status.Server.Port)

		running.Close() // nothing is kept from now on, in memory neither
		tc.store.State, tc.store.Error = api.StoreFailing, store.ErrClosed.Error()
		assert.Equal(t, tc.store, api.For(running, "0.1.0").Status().Store)
	}
}
