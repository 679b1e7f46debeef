//go:build unix

package app_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app"
	"echolab/emulator/journal"
)

const noFile = "it is a pipe, a socket or a device, not a file"

// A pipe that nobody writes to would be waited for, without end.
func TestLoad_APipeIsNoFile(t *testing.T) {
	for _, row := range []struct {
		pipe string
		flag string // names it; "": it is where it is looked for
		want string
	}{
		{"echolab.yaml", "", "echolab.yaml: cannot be read: " + noFile},
		{"other.yaml", "config", "other.yaml: cannot be read: " + noFile},
		{".env", "", ".env: cannot be read: " + noFile},
		{"other.env", "env-file", "other.env: cannot be read: " + noFile},
	} {
		dir := t.TempDir()
		require.NoError(t, syscall.Mkfifo(filepath.Join(dir, row.pipe), 0o600))
		flags := map[string]string{}
		if row.flag != "" {
			flags[row.flag] = row.pipe
		}
		_, err := app.Load(app.Sources{Flags: flags, Dir: dir})
		assert.ErrorContains(t, err, row.want)
	}
	_, err := app.Load(app.Sources{Flags: map[string]string{"config": os.DevNull, "env-file": os.DevNull}, Dir: t.TempDir()})
	assert.NoError(t, err, "which is as good as empty")
}

func TestReadScenario_APipeIsNoFile(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "s.yaml"), 0o600))
	_, err := app.ReadScenario("s.yaml", app.ScenarioSources{Dir: dir})
	assert.ErrorContains(t, err, "s.yaml: it cannot be read: "+noFile)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "whole.yaml"), []byte("include: [s.yaml]\n"), 0o600))
	_, err = app.ReadScenario("whole.yaml", app.ScenarioSources{Dir: dir})
	assert.ErrorContains(t, err, noFile)
}

// A pipe in the configuration's place is told, and what comes after it is read.
func TestReload_APipe(t *testing.T) {
	c := runConfigured(t, "users: [{id: 1, name: Ada}]\n")
	pipe := filepath.Join(c.dir, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	require.NoError(t, os.Rename(pipe, filepath.Join(c.dir, "echolab.yaml")))
	assert.Contains(t, c.next(journal.Trouble), "echolab.yaml: cannot be read: "+noFile)
	assert.Equal(t, []string{"Ada"}, c.names())
	c.write("users: [{id: 1, name: Eve}]\n")
	assert.Equal(t, "echolab.yaml was read again; taken over: users", c.next(journal.Configured))
	assert.Equal(t, []string{"Eve"}, c.names())
}
