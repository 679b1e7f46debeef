package harness

import "strings"

// KindOf is the kind of a channel as metrics and reports name it, by its name's prefix (Pusher docs: Channel types).
func KindOf(channel string) string {
	for _, row := range []struct{ prefix, kind string }{
		{"private-encrypted-", "encrypted"},
		{"private-", "private"},
		{"presence-", "presence"},
	} {
		if strings.HasPrefix(channel, row.prefix) {
			return row.kind
		}
	}
	return "public"
}

// isCache tells whether a channel keeps its last event for who comes later.
func isCache(channel string) bool {
	for _, prefix := range []string{"private-encrypted-cache-", "private-cache-", "presence-cache-", "cache-"} {
		if strings.HasPrefix(channel, prefix) {
			return true
		}
	}
	return false
}
