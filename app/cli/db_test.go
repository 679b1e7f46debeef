package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/store"
	"echolab/emulator/journal"
)

// From inside, because a signal would come before or after the moment that is looked at.

// presser presses Ctrl-C when the first bytes are written.
type presser struct {
	bytes.Buffer
	press func()
}

func (p *presser) Write(b []byte) (int, error) {
	p.press()
	return p.Buffer.Write(b)
}

func TestExport_InterruptedSaysSo(t *testing.T) {
	dir := t.TempDir()
	j := journal.New(journal.Options{})
	s, err := store.Open(store.Options{Path: filepath.Join(dir, "e.sqlite")})
	require.NoError(t, err)
	s.Attach(j)
	for range 2000 {
		j.Append(journal.Entry{Kind: journal.Published, Channel: "c", Data: []byte(`"` + strings.Repeat("x", 200) + `"`)})
	}
	j.Close()
	require.NoError(t, s.Follow(t.Context(), j))
	require.NoError(t, s.Close())

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &presser{press: cancel}
	var said bytes.Buffer
	sh := &shell{out: out, err: &said, environ: os.Environ(), dir: dir}
	root := newRoot(sh)
	root.SetArgs([]string{"db", "export", "--db", "e.sqlite"})
	err = stopped(ctx, root.ExecuteContext(ctx))
	require.Error(t, err)
	sh.report(err)
	assert.Equal(t, exitInterrupted, exitCode(err))
	assert.Regexp(t, `^echolab: interrupted after \d+ entries\n$`, said.String())

	// one that is stopped before it begins
	root = newRoot(sh)
	root.SetArgs([]string{"db", "export", "--db", "e.sqlite", "--out", "all.ndjson"})
	err = stopped(ctx, root.ExecuteContext(ctx))
	assert.Equal(t, exitInterrupted, exitCode(err))
	assert.NoFileExists(t, filepath.Join(dir, "all.ndjson"))
}
