package pusher

import (
	"encoding/json"
	"slices"
	"strings"
)

// EncryptedPrefix begins the channels whose events clients decrypt (Pusher docs: End-to-end encrypted channels).
const EncryptedPrefix = "private-encrypted-"

// Encrypted tells whether one of the channels is such a one.
func Encrypted(channels ...string) bool {
	return slices.ContainsFunc(channels, func(channel string) bool { return strings.HasPrefix(channel, EncryptedPrefix) })
}

// Sealed tells whether an event's data is an object with a nonce and a ciphertext. pusher-js drops anything else that
// comes on an encrypted channel.
func Sealed(data []byte) bool {
	var sealed struct{ Nonce, Ciphertext string }
	return json.Unmarshal(data, &sealed) == nil && sealed.Nonce != "" && sealed.Ciphertext != ""
}
