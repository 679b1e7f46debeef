package diagnosis

import (
	"regexp"
	"strings"

	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// RefusedAuth is the Event of a Refused entry that tells of a no of /broadcasting/auth.
const RefusedAuth = "broadcasting/auth"

// refusal is one reason for which /broadcasting/auth says no, by the words of its entry's note (package laravel,
// tellRefused), and what helps. $rule in the advice is the rule's Broadcast::channel().
type refusal struct {
	note *regexp.Regexp // its group, where it has one, is the rule's pattern
	do   string
}

// refusals is every reason; the first that fits counts.
var refusals = []refusal{
	{regexp.MustCompile(`^\d+ nobody is logged in`),
		"Log in first, and let Echo's request to /broadcasting/auth carry it: the session's cookie (withCredentials from another origin), or auth: {headers: {Authorization: 'Bearer …'}}."},
	{regexp.MustCompile(`^\d+ no rule for `),
		"No Broadcast::channel() has a pattern that fits $name: add one to routes/channels.php (channels in echolab.yaml), or correct the name."},
	{regexp.MustCompile(`^\d+ the rule (\S+) failed: TypeError`),
		"$rule takes another type: look for undefined or null in the name that the page subscribes to, and at the types of the rule's parameters."},
	{regexp.MustCompile(`^\d+ the rule (\S+) failed`),
		"$rule has an error of its own: let it return false where it finds no row, such as with ?-> and ??. Laravel's log has the exception."},
	{regexp.MustCompile(`^\d+ the rule (\S+) aborts`),
		"$rule calls abort(), or findOrFail() where there is no row: is the id in the name one that exists?"},
	{regexp.MustCompile(`^\d+ the rule (\S+) says neither`),
		"$rule in routes/channels.php has to return $yes for that user; it returned nothing, null or an empty value."},
	{regexp.MustCompile(`^\d+ the rule (\S+) says no`),
		"$rule in routes/channels.php has to return $yes for that user."},
	{regexp.MustCompile(``), "Look at the answer of POST /broadcasting/auth in the browser's network tab."},
}

// advice is what helps against a no of /broadcasting/auth.
func advice(e *journal.Entry, kind *pusher.Kind) string {
	yes := "true"
	if kind.Presence {
		yes = "the member, an array,"
	}
	for _, r := range refusals {
		found := r.note.FindStringSubmatch(e.Note)
		if found == nil {
			continue
		}
		return strings.NewReplacer("$rule", "The rule of Broadcast::channel('"+found[len(found)-1]+"')", "$name", base(e.Channel), "$yes", yes).Replace(r.do)
	}
	return ""
}

// refused is the last time that somebody was not let into the channel.
func refused(f *Facts) []Cause {
	for _, e := range backwards(f.Later, f.Past) {
		if e.Kind != journal.Refused || f.wasOn(e.Socket) || !strings.HasPrefix(e.Event, "pusher:subscribe") && e.Event != RefusedAuth {
			continue
		}
		note, _, _ := strings.Cut(e.Note, "\n") // older databases have the drawing below an error
		c := Cause{Entry: e.Seq, What: who(e.Socket, e.User) + " was not let into " + e.Channel + " " + f.when(e) + ": " + strings.TrimSuffix(note, ".") + "."}
		if e.Event == RefusedAuth {
			c.Do = advice(e, f.Kind)
		} else {
			c.Do = "The auth string has to be made for this socket and channel with this server's secret: compare REVERB_APP_KEY and REVERB_APP_SECRET, and subscribe again after a reconnect."
		}
		return []Cause{c}
	}
	return nil
}
