package pusher

import "strings"

// Kind is what a channel name's prefix makes of a channel: a row of traits, not a class.
type Kind struct {
	Prefix    string
	Name      string // for people: public, private, presence, encrypted …
	Private   bool   // a signature is required
	Presence  bool   // members are kept and announced
	Cache     bool   // the last event is sent to newcomers
	Encrypted bool   // payloads are ciphertext; no client events (pusher-js refuses them)
	User      bool   // #server-to-user-{id}: only the socket signed in with that id may subscribe
}

// reverbKinds is how Reverb tells kinds apart: tested in this order with a plain "starts with", so that no hyphen is
// needed after cache, private and presence (laravel/reverb ChannelBroker.php).
var reverbKinds = []Kind{
	{Prefix: "private-cache-", Name: "private-cache", Private: true, Cache: true},
	{Prefix: "presence-cache-", Name: "presence-cache", Private: true, Presence: true, Cache: true},
	{Prefix: "cache", Name: "cache", Cache: true},
	{Prefix: "private-encrypted-", Name: "encrypted", Private: true, Encrypted: true}, // an ordinary private channel to Reverb
	{Prefix: "private", Name: "private", Private: true},
	{Prefix: "presence", Name: "presence", Private: true, Presence: true},
	{Name: "public"},
}

// pusherKinds are the documented prefixes (Pusher docs: Channels).
var pusherKinds = []Kind{
	{Prefix: "private-encrypted-cache-", Name: "encrypted-cache", Private: true, Cache: true, Encrypted: true},
	{Prefix: "private-encrypted-", Name: "encrypted", Private: true, Encrypted: true},
	{Prefix: "private-cache-", Name: "private-cache", Private: true, Cache: true},
	{Prefix: "presence-cache-", Name: "presence-cache", Private: true, Presence: true, Cache: true},
	{Prefix: "cache-", Name: "cache", Cache: true},
	{Prefix: "private-", Name: "private", Private: true},
	{Prefix: "presence-", Name: "presence", Private: true, Presence: true},
	{Prefix: ServerToUserPrefix, Name: "user", User: true},
	{Name: "public"},
}

// ServerToUserPrefix begins the channel that only the signed-in user may hear (Pusher docs: User authentication).
const ServerToUserPrefix = "#server-to-user-"

// KindOf classifies a channel name as this profile does.
func (p *Profile) KindOf(channel string) *Kind {
	for i := range p.Kinds {
		if strings.HasPrefix(channel, p.Kinds[i].Prefix) {
			return &p.Kinds[i]
		}
	}
	return &p.Kinds[len(p.Kinds)-1]
}
