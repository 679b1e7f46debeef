package pusher

import (
	"fmt"
	"unicode/utf8"
)

// Limits are sizes that a profile holds clients and publishers to; 0 is no limit.
type Limits struct {
	ChannelName     int  // characters of a channel name, prefix included
	ChannelCharset  bool // names hold only A-Z a-z 0-9 _ - = @ , . ;
	EventName       int  // characters of an event name
	EventData       int  // bytes of an event's data
	Channels        int  // channels of one event
	Batch           int  // events of one batch
	PresenceMembers int  // distinct users of a presence channel
	UserInfo        int  // bytes of a member's user_info
	UserID          int  // characters of a user id
	Watchlist       int  // ids of a watchlist that are looked at
}

// hostedLimits are Pusher's documented ones (Pusher docs: Channels protocol, HTTP API, Presence channels).
var hostedLimits = Limits{
	ChannelName:     164,
	ChannelCharset:  true,
	EventName:       200,
	EventData:       10 * 1024,
	Channels:        100,
	Batch:           10,
	PresenceMembers: 100,
	UserInfo:        1024,
	UserID:          128,
	Watchlist:       100,
}

// CheckChannel tells what is wrong with a channel name, nil if nothing is.
func (l Limits) CheckChannel(name string) error {
	if l.ChannelName > 0 && utf8.RuneCountInString(name) > l.ChannelName {
		return fmt.Errorf("channel name is longer than %d characters", l.ChannelName)
	}
	if !l.ChannelCharset {
		return nil
	}
	rest := name
	if len(rest) > len(ServerToUserPrefix) && rest[:len(ServerToUserPrefix)] == ServerToUserPrefix {
		rest = rest[len(ServerToUserPrefix):]
	}
	if rest == "" {
		return fmt.Errorf("channel name is empty")
	}
	for _, r := range rest {
		if !channelRune(r) {
			return fmt.Errorf("channel name %q holds %q: only letters, digits and _-=@,.; are allowed", name, r)
		}
	}
	return nil
}

func channelRune(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return true
	}
	switch r {
	case '_', '-', '=', '@', ',', '.', ';':
		return true
	}
	return false
}

// CheckEvent tells what is wrong with an event's name, nil if nothing is.
func (l Limits) CheckEvent(name string) error {
	if l.EventName > 0 && utf8.RuneCountInString(name) > l.EventName {
		return fmt.Errorf("event name is longer than %d characters", l.EventName)
	}
	return nil
}
