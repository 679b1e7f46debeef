package pusher

import (
	"fmt"
	"time"
)

// Profile says how a server behaves where products differ. Reverb and Hosted are the two there are.
type Profile struct {
	Name  string
	Kinds []Kind // first matching prefix wins

	PHPJSON        bool // relayed JSON is changed as PHP changes it ({} becomes [] …)
	ErrorAsObject  bool // data of pusher:error is an object instead of a string
	PongData       bool // pusher:pong carries "data":"{}"
	CutsOnRefusal  bool // unknown keys, terminations and shutdown end TCP without a close frame
	ChecksProtocol bool // ?protocol= must be one that is spoken (4007, 4008)

	ChecksKey          bool          // the key in auth and auth_key must be the app's
	TimestampWindow    time.Duration // how far auth_timestamp may be off; 0: not looked at
	InvalidStatus      int           // HTTP status for a request with bad fields
	ChecksInfo         bool          // an info attribute that does not go with a channel is an error
	SubscriptionErrors bool          // a refused subscription is answered with pusher:subscription_error
	OneSubscription    bool          // a second subscribe, or a stray unsubscribe, is an error with code null

	SignIn                bool          // pusher:signin, server-to-user events, watchlists
	SubscriptionCounts    bool          // subscription_count events, for apps that want them (App.SubscriptionCount)
	ClientEventsOnPublic  bool          // whispers are allowed on public channels
	ClientEventsCached    bool          // whispers are kept by cache channels
	MembershipFramesCache bool          // member_removed overwrites what a presence-cache channel keeps
	ClientEventRate       int           // client events a second and connection; 0: unlimited
	CacheTTL              time.Duration // how long a cached event lives, subscribers or not; 0: until the last subscriber leaves

	Limits Limits

	// Room that an HTTP request, and a client's message, has at least, whatever max_request_size and max_message_size
	// say: Reverb's defaults of 10 000 bytes would refuse the 10 kB of data that Limits allow.
	MinRequestSize, MinMessageSize int
}

// Reverb is Laravel Reverb 1.10/1.11: what works here works there, and what fails there fails here.
var Reverb = &Profile{
	Name:                  "reverb",
	Kinds:                 reverbKinds,
	PHPJSON:               true,
	CutsOnRefusal:         true,
	InvalidStatus:         422,
	ClientEventsOnPublic:  true,
	ClientEventsCached:    true,
	MembershipFramesCache: true,
}

// Hosted is the Pusher Channels service as documented; where the documentation is silent it is Reverb.
var Hosted = &Profile{
	Name:               "pusher",
	Kinds:              pusherKinds,
	ErrorAsObject:      true,
	PongData:           true,
	ChecksProtocol:     true,
	ChecksKey:          true,
	TimestampWindow:    600 * time.Second,
	InvalidStatus:      400,
	ChecksInfo:         true,
	SubscriptionErrors: true,
	OneSubscription:    true,
	SignIn:             true,
	SubscriptionCounts: true,
	ClientEventRate:    10,
	CacheTTL:           30 * time.Minute,
	Limits:             hostedLimits,
	MinRequestSize:     1 << 20,
	MinMessageSize:     16 << 10,
}

// Profiles lists the profiles by name.
var Profiles = []*Profile{Reverb, Hosted}

// ProfileNamed finds a profile.
func ProfileNamed(name string) (*Profile, error) {
	for _, p := range Profiles {
		if p.Name == name {
			return p, nil
		}
	}
	return nil, fmt.Errorf("unknown profile %q: use reverb or pusher", name)
}
