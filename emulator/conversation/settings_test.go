package conversation_test

import (
	"os"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/conversation"
	"echolab/emulator/pusher"
)

func TestConversation_App(t *testing.T) {
	conversations, err := conversation.Load(fstest.MapFS{"x.json": {Data: []byte(`{"server":{
		"REVERB_ALLOWED_ORIGINS":"localhost,*.good.test", "REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM":"all",
		"REVERB_APP_PING_INTERVAL":"1", "REVERB_APP_ACTIVITY_TIMEOUT":"2", "REVERB_APP_MAX_CONNECTIONS":"3",
		"REVERB_APP_MAX_MESSAGE_SIZE":"4", "REVERB_APP_RATE_LIMITING_ENABLED":"true",
		"REVERB_APP_RATE_LIMIT_MAX_ATTEMPTS":"5", "REVERB_APP_RATE_LIMIT_DECAY_SECONDS":"6",
		"REVERB_APP_RATE_LIMIT_TERMINATE":"true"},"steps":[]}`)}})
	require.NoError(t, err)
	three := 3
	assert.Equal(t, pusher.App{
		ID: "id", Key: "key", Secret: "secret",
		AllowedOrigins:         []string{"localhost", "*.good.test"},
		AcceptClientEventsFrom: pusher.AcceptAll,
		PingInterval:           time.Second,
		ActivityTimeout:        2 * time.Second,
		MaxConnections:         &three,
		MaxMessageSize:         4,
		RateLimit:              pusher.RateLimit{Enabled: true, MaxAttempts: 5, Decay: 6 * time.Second, Terminate: true},
	}, conversations[0].App(pusher.App{ID: "id", Key: "key", Secret: "secret"}))
}

// Every captured file is understood, and each defect has a counterpart that says what Echolab does instead.
func TestLoad_TakesTheWholeTestdata(t *testing.T) {
	captured, err := conversation.Load(os.DirFS("../../testdata/conversations"))
	require.NoError(t, err)
	assert.Len(t, captured, 63)
	mended, err := conversation.Load(os.DirFS("../../testdata/conversations-mended"))
	require.NoError(t, err)
	replaced := map[string]bool{}
	for _, c := range mended {
		replaced[c.Name] = true
		assert.NotEmpty(t, c.Title)
		assert.NotEmpty(t, c.Notes, "%s must say what Reverb does instead", c.Name)
	}
	for _, c := range captured {
		if c.Defect {
			assert.True(t, replaced[c.Name], "%s is a defect without a mended counterpart", c.Name)
		}
	}
}
