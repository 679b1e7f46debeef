package pusher

import (
	"slices"
	"time"
)

// Reverb's defaults (laravel/reverb config/reverb.php).
const (
	DefaultPingInterval    = 60 * time.Second
	DefaultActivityTimeout = 30 * time.Second
	DefaultMaxMessageSize  = 10_000
	DefaultMaxRequestSize  = 10_000
	DefaultRateAttempts    = 60
	DefaultRateDecay       = 60 * time.Second
)

// Values of App.AcceptClientEventsFrom. Anything else means none (laravel/reverb ClientEvent.php).
const (
	AcceptMembers = "members" // the sender must be subscribed; the frame is rebuilt
	AcceptAll     = "all"     // any socket may whisper to any channel; the frame is passed on as it came
	AcceptNone    = "none"    // 4301
)

// App is one application: its credentials and its limits. The zero value of a limit means what its comment says;
// Defaults fills in Reverb's own.
type App struct {
	ID     string
	Key    string
	Secret string

	// Keys are further keys that name the app as well as Key does: for clients whose build has another one. Reverb has
	// one key an app: an Echolab extension. What is signed on behalf of the app carries Key.
	Keys []string

	// AllowedOrigins are host names, with * for any run of characters; exactly "*" allows everything, a missing
	// Origin included. Scheme and port are not looked at.
	AllowedOrigins []string

	PingInterval    time.Duration // silence after which the server pings
	ActivityTimeout time.Duration // told to clients in the handshake, whole seconds

	// MaxConnections limits sockets that are subscribed to something (Reverb counts no others); nil is no limit.
	MaxConnections *int

	MaxMessageSize int // bytes of one inbound message; beyond it the socket is closed with 1009

	AcceptClientEventsFrom string // members, all or none

	RateLimit RateLimit

	// Webhooks receive Pusher's webhook events (Pusher docs: Webhooks). Reverb has none: an Echolab extension.
	Webhooks []Webhook

	// UserAuthentication, SubscriptionCount and the other options that Pusher keeps per application are decided by
	// the profile; SubscriptionCount can be switched on for an app in the pusher profile.
	SubscriptionCount bool
}

// RateLimit counts every inbound message of a socket in a fixed window that starts with its first message
// (laravel/reverb Server::ensureWithinRateLimit).
type RateLimit struct {
	Enabled     bool
	MaxAttempts int           // messages let through in a window
	Decay       time.Duration // length of the window
	Terminate   bool          // end the connection instead of answering 4301
}

// Webhook is one receiver of webhook events.
type Webhook struct {
	URL string
	// Events limits the receiver to these names; empty means all seven.
	Events []string
	// Batch collects events for this long and sends them in one request; 0 sends each by itself.
	Batch time.Duration
}

// DefaultApp is the application served when nothing is configured.
func DefaultApp() App {
	return App{ID: "client-portal", Key: "local-reverb-key", Secret: "local-reverb-secret"}.WithDefaults()
}

// HasKey tells whether a key names the app.
func (a *App) HasKey(key string) bool { return key == a.Key || slices.Contains(a.Keys, key) }

// WithDefaults returns the app with Reverb's default in each limit that is zero.
func (a App) WithDefaults() App {
	if a.AllowedOrigins == nil {
		a.AllowedOrigins = []string{"*"}
	}
	if a.PingInterval == 0 {
		a.PingInterval = DefaultPingInterval
	}
	if a.ActivityTimeout == 0 {
		a.ActivityTimeout = DefaultActivityTimeout
	}
	if a.MaxMessageSize == 0 {
		a.MaxMessageSize = DefaultMaxMessageSize
	}
	if a.AcceptClientEventsFrom == "" {
		a.AcceptClientEventsFrom = AcceptMembers
	}
	if a.RateLimit.MaxAttempts == 0 {
		a.RateLimit.MaxAttempts = DefaultRateAttempts
	}
	if a.RateLimit.Decay == 0 {
		a.RateLimit.Decay = DefaultRateDecay
	}
	return a
}
