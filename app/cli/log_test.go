package cli_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app/cli"
)

func TestLog_HasColoursOnATerminalOnly(t *testing.T) {
	line := func(asJSON, terminal bool) string {
		var out bytes.Buffer
		log := slog.New(cli.LogHandler(&out, slog.LevelInfo, asJSON, terminal))
		log.Debug("nobody asked for this")
		log.Warn("slow reader closed", "socket", "1.2", "path", "\x1b[31mred")
		return out.String()
	}
	assert.Regexp(t, `^time=\S+ level=WARN msg="slow reader closed" socket=1\.2 path="\\x1b\[31mred"\n$`, line(false, false))
	assert.Regexp(t, `^\x1b\[2m\d\d:\d\d:\d\d.* slow reader closed .*1\.2`, line(false, true))
	assert.NotContains(t, line(false, true), "\x1b[31mred", "what a client sends does not paint the terminal")
	for _, terminal := range []bool{false, true} {
		var fact map[string]any
		require.NoError(t, json.Unmarshal([]byte(line(true, terminal)), &fact))
		assert.Equal(t, "slow reader closed", fact["msg"])
	}
}
