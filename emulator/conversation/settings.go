package conversation

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"echolab/emulator/pusher"
)

// settings translates the environment variables of Reverb's stock config/reverb.php into an application's limits.
// REVERB_ALLOWED_ORIGINS is no variable of Reverb's: it stands for the configuration key allowed_origins.
var settings = map[string]func(a *pusher.App, value string) error{
	"REVERB_ALLOWED_ORIGINS": func(a *pusher.App, v string) error {
		a.AllowedOrigins = strings.Split(v, ",")
		return nil
	},
	"REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM": func(a *pusher.App, v string) error {
		a.AcceptClientEventsFrom = v
		return nil
	},
	"REVERB_APP_PING_INTERVAL": func(a *pusher.App, v string) error { return seconds(&a.PingInterval, v) },
	"REVERB_APP_ACTIVITY_TIMEOUT": func(a *pusher.App, v string) error {
		return seconds(&a.ActivityTimeout, v)
	},
	"REVERB_APP_MAX_CONNECTIONS": func(a *pusher.App, v string) error {
		var limit int
		a.MaxConnections = &limit
		return number(&limit, v)
	},
	"REVERB_APP_MAX_MESSAGE_SIZE":        func(a *pusher.App, v string) error { return number(&a.MaxMessageSize, v) },
	"REVERB_APP_RATE_LIMITING_ENABLED":   func(a *pusher.App, v string) error { return truth(&a.RateLimit.Enabled, v) },
	"REVERB_APP_RATE_LIMIT_MAX_ATTEMPTS": func(a *pusher.App, v string) error { return number(&a.RateLimit.MaxAttempts, v) },
	"REVERB_APP_RATE_LIMIT_DECAY_SECONDS": func(a *pusher.App, v string) error {
		return seconds(&a.RateLimit.Decay, v)
	},
	"REVERB_APP_RATE_LIMIT_TERMINATE": func(a *pusher.App, v string) error { return truth(&a.RateLimit.Terminate, v) },
}

// App returns base with the file's server settings applied to it.
func (c Conversation) App(base pusher.App) pusher.App {
	for name, value := range c.Server {
		// Load has tried every setting on an empty application, so none fails here.
		_ = settings[name](&base, value)
	}
	return base
}

func (c Conversation) app() (pusher.App, error) {
	var a pusher.App
	for name, value := range c.Server {
		if err := settings[name](&a, value); err != nil {
			return a, fmt.Errorf("%s: %w", name, err)
		}
	}
	return a, nil
}

func knownSettings() []string {
	names := make([]string, 0, len(settings))
	for name := range settings {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func number(to *int, value string) (err error) {
	*to, err = strconv.Atoi(value)
	return err
}

func seconds(to *time.Duration, value string) error {
	n, err := strconv.Atoi(value)
	*to = time.Duration(n) * time.Second
	return err
}

func truth(to *bool, value string) (err error) {
	*to, err = strconv.ParseBool(value)
	return err
}
