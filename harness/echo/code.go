package echo

import "strings"

// Call is the line of Echo that subscribes to a channel, given its name on the wire: Echo.private('client.5').
func Call(channel string) string {
	for _, row := range []struct{ prefix, method string }{
		{"private-encrypted-", "encryptedPrivate"}, {"private-", "private"}, {"presence-", "join"}, {"", "channel"},
	} {
		if name, ok := strings.CutPrefix(channel, row.prefix); ok {
			return "Echo." + row.method + "(" + Quote(name) + ")"
		}
	}
	return ""
}

// Hearing is the method of an Echo channel that hears an event, given its name on the wire, and the method's first argument
// as JavaScript, "" for none: the inverse of EventName. InvoiceCreated is heard by listen('.InvoiceCreated').
func (o *Options) Hearing(event string) (method, argument string) {
	if event == notification[1:] {
		return "notification", ""
	}
	if name, ok := strings.CutPrefix(event, "client-"); ok {
		return "listenForWhisper", Quote(name)
	}
	if ns := o.namespace(); ns != "" {
		if name, ok := strings.CutPrefix(event, strings.ReplaceAll(ns, ".", "\\")+"\\"); ok && o.EventName(name) == event {
			return "listen", Quote(name)
		}
	}
	if strings.Contains(event, "\\") {
		return "listen", Quote("\\" + event)
	}
	return "listen", Quote("." + event)
}

// Quote is a text as JavaScript in single quotes.
func Quote(text string) string {
	return "'" + quoted.Replace(text) + "'"
}

var quoted = strings.NewReplacer("\\", "\\\\", "'", "\\'", "\n", "\\n", "\r", "\\r", "\u2028", "\\u2028", "\u2029", "\\u2029")
