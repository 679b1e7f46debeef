package frontend

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestUnbuilt_CarriesTheNotices: a program without its page ships the same modules.
func TestUnbuilt_CarriesTheNotices(t *testing.T) {
	notices, err := unbuilt.ReadFile("unbuilt/licenses.txt")
	require.NoError(t, err)
	for _, of := range []string{"The Go programming language", "modernc.org/sqlite v", "github.com/gorilla/websocket v", "github.com/wailsapp/wails/v2 v"} {
		assert.Contains(t, string(notices), "\n"+of)
	}
}
