package store_test

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/store"
)

// asNobody makes the calling goroutine's access to files that of a user without rights: root may write anything.
func asNobody(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	runtime.LockOSThread()
	require.NoError(t, syscall.Setfsuid(65534))
	t.Cleanup(func() {
		_ = syscall.Setfsuid(0)
		runtime.UnlockOSThread()
	})
}

func TestOpen_SaysWhatCannotBeWritten(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(folder), 0o755))
	path := filepath.Join(t.TempDir(), "events.sqlite")
	require.NoError(t, os.Chmod(filepath.Dir(filepath.Dir(path)), 0o755))
	s, err := store.Open(store.Options{Path: path})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, os.Chmod(path, 0o444))
	require.NoError(t, os.Chmod(path+".lock", 0o666))
	require.NoError(t, os.Chmod(filepath.Dir(path), 0o777))
	require.NoError(t, os.Chmod(folder, 0o555))
	t.Cleanup(func() { _ = os.Chmod(folder, 0o755) })

	asNobody(t)
	_, err = store.Open(store.Options{Path: filepath.Join(folder, "new.sqlite")})
	assert.ErrorContains(t, err, "new.sqlite cannot be written: permission is denied; make it and its folder writable, or pass --db PATH or --db :memory:")
	_, err = store.Open(store.Options{Dir: filepath.Join(folder, "data")})
	assert.ErrorContains(t, err, "data folder "+filepath.Join(folder, "data")+" cannot be made")
	_, err = store.Open(store.Options{Path: path})
	assert.ErrorContains(t, err, "events.sqlite cannot be written: it is read-only; make it and its folder writable")
}
