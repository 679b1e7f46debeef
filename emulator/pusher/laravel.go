package pusher

import "strings"

// laravelChannels is how Laravel makes wire names (Illuminate\Broadcasting\PrivateChannel and its neighbours). The first
// prefix that fits wins.
var laravelChannels = []struct{ prefix, class string }{
	{"private-encrypted-", "EncryptedPrivateChannel"},
	{"private-", "PrivateChannel"},
	{"presence-", "PresenceChannel"},
	{"", "Channel"},
}

// LaravelChannel is the class that broadcasts on a channel, and the name that it is given: PrivateChannel and client.5 for
// private-client.5.
func LaravelChannel(channel string) (class, name string) {
	for _, row := range laravelChannels {
		if rest, ok := strings.CutPrefix(channel, row.prefix); ok {
			return row.class, rest
		}
	}
	return "", channel
}
