package pusher_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"echolab/emulator/pusher"
)

func TestLaravelChannel(t *testing.T) {
	for channel, want := range map[string][2]string{
		"private-encrypted-vault.9": {"EncryptedPrivateChannel", "vault.9"}, "private-client.5": {"PrivateChannel", "client.5"},
		"presence-presence-x": {"PresenceChannel", "presence-x"}, "portal": {"Channel", "portal"}, "privateer": {"Channel", "privateer"},
	} {
		class, name := pusher.LaravelChannel(channel)
		assert.Equal(t, want, [2]string{class, name}, channel)
	}
}
