package emulator_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator"
	"echolab/emulator/conversation"
	"echolab/emulator/pusher"
)

// TestConversations replays what a real Reverb said. Files marked defect are not copied; what the emulator does
// instead is in conversations-mended.
func TestConversations(t *testing.T) {
	for _, folder := range []string{"conversations", "conversations-mended"} {
		all, err := conversation.Load(os.DirFS("../testdata/" + folder))
		require.NoError(t, err)
		require.NotEmpty(t, all)
		for _, c := range all {
			if c.Defect && folder == "conversations" {
				continue
			}
			t.Run(folder+"/"+c.Name, func(t *testing.T) {
				t.Parallel()
				s := start(t, emulator.Config{}, func(app *pusher.App) { *app = c.App(*app) })
				assert.NoError(t, conversation.Play(t.Context(), c, conversation.Target{
					BaseURL: "http://" + s.addr, ID: s.app.ID, Key: s.app.Key, Secret: s.app.Secret, Stop: s.stop,
				}))
			})
		}
	}
}
