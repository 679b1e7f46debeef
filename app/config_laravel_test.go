package app_test

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app"
	"echolab/emulator/pusher"
)

// configCase is one row of testdata/laravel/env.json: what Laravel's and Reverb's stock configuration became with a
// .env. Numbers from the file are strings there, only defaults are numbers.
type configCase struct {
	ID, Name, Env string
	Reverb        struct {
		Server struct {
			Host, Port, Path, Hostname any
			MaxRequestSize             any `json:"max_request_size"`
		}
		Apps []struct {
			Key, Secret       any
			AppID             any      `json:"app_id"`
			AllowedOrigins    []string `json:"allowed_origins"`
			PingInterval      any      `json:"ping_interval"`
			ActivityTimeout   any      `json:"activity_timeout"`
			MaxConnections    any      `json:"max_connections"`
			MaxMessageSize    any      `json:"max_message_size"`
			AcceptClientEvent string   `json:"accept_client_events_from"`
			RateLimiting      struct {
				Enabled          bool
				MaxAttempts      any  `json:"max_attempts"`
				DecaySeconds     any  `json:"decay_seconds"`
				TerminateOnLimit bool `json:"terminate_on_limit"`
			} `json:"rate_limiting"`
		}
	}
	PublishesTo struct{ Scheme, Port, Host, Exception any } `json:"publishes_to"`
	EnvValues   map[string]any                              `json:"env_values"`
}

// asText is a PHP value as text, null being the empty one.
func asText(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func number(t *testing.T, v any) int {
	t.Helper()
	var n int
	_, err := fmt.Sscan(asText(v), &n)
	require.NoError(t, err, "%v", v)
	return n
}

func TestLoad_ResolvesAsLaravelAndReverbDo(t *testing.T) {
	content, err := os.ReadFile("../testdata/laravel/env.json")
	require.NoError(t, err)
	var file struct{ Config []configCase }
	require.NoError(t, json.Unmarshal(content, &file))
	require.Len(t, file.Config, 10)
	for _, c := range file.Config {
		t.Run(c.ID+" "+c.Name, func(t *testing.T) {
			cfg, err := app.Load(folder(t, map[string]string{".env": c.Env}))

			if c.ID == "config-014" { // Laravel ends with a TypeError where it publishes; Echolab does not start
				assert.EqualError(t, err, ".env:2: REVERB_APP_ID=true: is a yes or no and not a text to Laravel; choose another, quotes do not help\n"+
					".env:3: REVERB_APP_KEY=null: Laravel passes the empty value on instead of its default; write a value or remove the line\n"+
					".env:4: REVERB_APP_SECRET=…: Laravel passes the empty value on instead of its default; write a value or remove the line")
				return
			}
			require.NoError(t, err)

			server := c.Reverb.Server
			host := asText(server.Host)
			if _, asked := c.EnvValues["REVERB_SERVER_HOST"]; !asked {
				assert.Equal(t, "0.0.0.0", host)
				host = "127.0.0.1" // on purpose: nobody else gets in unless asked for
			}
			assert.Equal(t, []any{host, number(t, server.Port), asText(server.Path), asText(server.Hostname), number(t, server.MaxRequestSize)},
				[]any{cfg.Host, cfg.Port, cfg.Path, cfg.Hostname, cfg.MaxRequestSize})

			require.Len(t, cfg.Apps, 1)
			if c.PublishesTo.Exception != nil { // nothing names an app: Laravel cannot publish, Echolab has its own
				assert.Equal(t, pusher.DefaultApp(), cfg.Apps[0])
				assert.Zero(t, cfg.PublishesTo)
				return
			}
			want := c.Reverb.Apps[0]
			expected := pusher.App{
				ID: asText(want.AppID), Key: asText(want.Key), Secret: asText(want.Secret), AllowedOrigins: want.AllowedOrigins,
				PingInterval:           time.Duration(number(t, want.PingInterval)) * time.Second,
				ActivityTimeout:        time.Duration(number(t, want.ActivityTimeout)) * time.Second,
				MaxMessageSize:         number(t, want.MaxMessageSize),
				AcceptClientEventsFrom: want.AcceptClientEvent,
				RateLimit: pusher.RateLimit{Enabled: want.RateLimiting.Enabled, MaxAttempts: number(t, want.RateLimiting.MaxAttempts),
					Decay: time.Duration(number(t, want.RateLimiting.DecaySeconds)) * time.Second, Terminate: want.RateLimiting.TerminateOnLimit},
			}
			if want.MaxConnections != nil {
				limit := number(t, want.MaxConnections)
				expected.MaxConnections = &limit
			}
			if c.ID == "config-001" { // its VITE_REVERB_APP_KEY is the production key (protocol K.9, X18)
				expected.Keys = []string{"prod-reverb-key-xxx"}
			}
			assert.Equal(t, expected, cfg.Apps[0])
			assert.Equal(t, app.Endpoint{Scheme: asText(c.PublishesTo.Scheme), Host: asText(c.PublishesTo.Host), Port: asText(c.PublishesTo.Port)}, cfg.PublishesTo)
		})
	}
}
