package journal

// Kind says what an entry tells. The table below is the one place to add a kind.
type Kind uint8

const (
	Started      Kind = iota + 1 // the server came up; Note: address
	Stopped                      // the server went down cleanly
	Opened                       // a socket was accepted; Note: origin
	Closed                       // a socket ended; Note: reason, Count: bytes that were still waiting for it
	Subscribed                   // Socket entered Channel; User, Data: member info, Count: subscribers now
	Unsubscribed                 // Socket left Channel; Count: subscribers left
	Joined                       // User's first socket entered a presence channel; Data: member info, Count: members now
	Left                         // User's last socket left a presence channel; Count: members left
	Published                    // an event came over HTTP or from Echolab itself; Count: recipients
	Whispered                    // a client event; Count: recipients
	Refused                      // something was turned away; Event: what was asked, Note: code and message
	SignedIn                     // a socket was bound to User (pusher:signin)
	Hook                         // a webhook was delivered or given up; Note: outcome, Count: attempts
	Trouble                      // something a person must know (store not writable …); Note: what and what to do
	Configured                   // a changed configuration was read; Note: what was taken over and what needs a restart
)

// Kinds lists every kind with its stable name, used in SQL, JSON and on screen.
var Kinds = []struct {
	Kind Kind
	Name string
	Help string
}{
	{Started, "started", "the server came up"},
	{Stopped, "stopped", "the server went down"},
	{Opened, "opened", "a socket was accepted"},
	{Closed, "closed", "a socket ended"},
	{Subscribed, "subscribed", "a socket entered a channel"},
	{Unsubscribed, "unsubscribed", "a socket left a channel"},
	{Joined, "joined", "a user appeared in a presence channel"},
	{Left, "left", "a user disappeared from a presence channel"},
	{Published, "published", "an event was published by the application"},
	{Whispered, "whispered", "a client sent an event to other clients"},
	{Refused, "refused", "a request or message was turned away"},
	{SignedIn, "signed_in", "a socket was bound to a user"},
	{Hook, "webhook", "a webhook was delivered or given up"},
	{Trouble, "trouble", "something needs a person"},
	{Configured, "configured", "a changed configuration was taken over"},
}

// String is the kind's stable name.
func (k Kind) String() string {
	if k >= 1 && int(k) <= len(Kinds) {
		return Kinds[k-1].Name
	}
	return "unknown"
}

// KindNamed is the inverse of String; 0 when there is no such kind.
func KindNamed(name string) Kind {
	for _, row := range Kinds {
		if row.Name == name {
			return row.Kind
		}
	}
	return 0
}

// MarshalText writes the name, so that JSON carries names and not numbers.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads the name; an unknown one becomes 0.
func (k *Kind) UnmarshalText(b []byte) error {
	*k = KindNamed(string(b))
	return nil
}

// NoteCacheMiss is the Note of a Subscribed entry whose cache channel held nothing.
const NoteCacheMiss = "cache miss"

// NoteAgain is the Note of a Subscribed entry of a socket that was subscribed already.
const NoteAgain = "again"
