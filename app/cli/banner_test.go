package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// From inside, because a test has no terminal to run the command in: the null device passes for one, being a
// character device too.

func TestPaint_OnlyOnATerminalThatWantsColour(t *testing.T) {
	terminal, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer terminal.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer file.Close()
	colours := []string{"TERM=xterm", "WT_SESSION=1"}

	for _, c := range []struct {
		name    string
		to      any
		environ []string
		want    string
	}{
		{"terminal", terminal, colours, "\x1b[1mx\x1b[0m"},
		{"NO_COLOR", terminal, append([]string{"NO_COLOR=1"}, colours...), "x"},
		{"empty NO_COLOR does not count", terminal, append([]string{"NO_COLOR="}, colours...), "\x1b[1mx\x1b[0m"},
		{"dumb terminal", terminal, []string{"TERM=dumb", "WT_SESSION=1"}, "x"},
		{"file", file, colours, "x"},
	} {
		s := &shell{environ: c.environ}
		assert.Equal(t, c.want, s.paint(c.to).bold("x"), c.name)
	}
}
