package pusher_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/pusher"
)

func TestKindOf_EachProfile(t *testing.T) {
	for _, row := range []struct{ channel, reverb, pusher string }{
		{"portal", "public", "public"},
		{"", "public", "public"},
		{"private-x", "private", "private"},
		{"presence-x", "presence", "presence"},
		{"cache-x", "cache", "cache"},
		{"private-cache-x", "private-cache", "private-cache"},
		{"presence-cache-x", "presence-cache", "presence-cache"},
		{"private-encrypted-x", "encrypted", "encrypted"},
		{"private-encrypted-cache-x", "encrypted", "encrypted-cache"}, // not cached by Reverb
		{"#server-to-user-7", "public", "user"},
		// No hyphen is needed by Reverb.
		{"private", "private", "public"},
		{"privateer", "private", "public"},
		{"private.x", "private", "public"},
		{"private-encrypted", "private", "private"},
		{"private-cache", "private", "private"},
		{"presence", "presence", "public"},
		{"presence.online", "presence", "public"},
		{"presence.client.5", "presence", "public"},
		{"presenceboard", "presence", "public"},
		{"presence-cache", "presence", "presence"},
		{"cache", "cache", "public"},
		{"cached-x", "cache", "public"},
		{"cache.x", "cache", "public"},
		{"Private-x", "public", "public"},
		{" private-x", "public", "public"},
		{"presence-presence-project.1", "presence", "presence"},
	} {
		assert.Equal(t, row.reverb, pusher.Reverb.KindOf(row.channel).Name, "reverb: %q", row.channel)
		assert.Equal(t, row.pusher, pusher.Hosted.KindOf(row.channel).Name, "pusher: %q", row.channel)
	}
}

func TestKinds_TraitsFollowTheirNames(t *testing.T) {
	for _, p := range pusher.Profiles {
		for _, k := range p.Kinds {
			name := p.Name + " " + k.Name
			assert.Equal(t, strings.Contains(k.Name, "cache"), k.Cache, name)
			assert.Equal(t, strings.Contains(k.Name, "presence"), k.Presence, name)
			assert.Equal(t, strings.Contains(k.Name, "encrypted"), k.Encrypted, name)
			guarded := strings.HasPrefix(k.Name, "private") || k.Presence || k.Encrypted
			assert.Equal(t, guarded, k.Private, name)
			if k.Prefix != "" {
				assert.Equal(t, k.Name, p.KindOf(k.Prefix+"x").Name, "%s: no earlier row hides this one", name)
			}
		}
	}
}

func TestProfileNamed(t *testing.T) {
	for _, p := range pusher.Profiles {
		got, err := pusher.ProfileNamed(p.Name)
		require.NoError(t, err)
		assert.Same(t, p, got)
	}
	_, err := pusher.ProfileNamed("soketi")
	assert.ErrorContains(t, err, `unknown profile "soketi": use reverb or pusher`)
}

func TestLimits_ChannelNames(t *testing.T) {
	l := pusher.Hosted.Limits
	for _, good := range []string{
		"portal", "private-client.5", "a_b-c=d@e,f.g;h", "AZaz09", "#server-to-user-7", "#server-to-user-a.b",
		strings.Repeat("x", 164),
	} {
		assert.NoError(t, l.CheckChannel(good), good)
	}
	for bad, why := range map[string]string{
		"":                       "empty",
		"with space":             "only letters",
		"a/b":                    "only letters",
		"a:b":                    "only letters",
		"grüße":                  "only letters",
		"#portal":                "only letters",
		"a#b":                    "only letters",
		"#server-to-user-":       "only letters",
		"#server-to-user-a b":    "only letters",
		"a\x00":                  "only letters",
		"\xff":                   "only letters",
		strings.Repeat("x", 165): "longer than 164",
		strings.Repeat("ü", 165): "longer than 164",
	} {
		assert.ErrorContains(t, l.CheckChannel(bad), why, "%q", bad)
	}
	for _, anything := range []string{"", "with space", "a/b", "grüße", strings.Repeat("x", 9000)} {
		assert.NoError(t, pusher.Reverb.Limits.CheckChannel(anything), "Reverb takes any name")
	}
}

func TestCheck_HoldsEventsToTheProfile(t *testing.T) {
	channels := func(n int) []string { return strings.Split(strings.TrimSuffix(strings.Repeat("a,", n), ","), ",") }
	for _, row := range []struct {
		name     string
		event    pusher.Publication
		tooLarge bool
		why      string
	}{
		{"good", pusher.Publication{Event: `App\Events\Paid`, Data: "{}", Channels: []string{"portal"}}, false, ""},
		{"largest data", pusher.Publication{Event: "e", Data: strings.Repeat("x", 10*1024), Channels: []string{"a"}}, false, ""},
		{"data too large", pusher.Publication{Event: "e", Data: strings.Repeat("x", 10*1024+1), Channels: []string{"a"}}, true, "at most 10240"},
		{"100 channels", pusher.Publication{Event: "e", Channels: channels(100)}, false, ""},
		{"101 channels", pusher.Publication{Event: "e", Channels: channels(101)}, false, "101 channels; at most 100"},
		{"longest name", pusher.Publication{Event: strings.Repeat("e", 200), Channels: []string{"a"}}, false, ""},
		{"name too long", pusher.Publication{Event: strings.Repeat("e", 201), Channels: []string{"a"}}, false, "longer than 200"},
		{"bad channel", pusher.Publication{Event: "e", Channels: []string{"a", "b c"}}, false, "only letters"},
	} {
		t.Run(row.name, func(t *testing.T) {
			tooLarge, err := pusher.Hosted.Check(&row.event)
			assert.Equal(t, row.tooLarge, tooLarge)
			if row.why == "" {
				assert.NoError(t, err)
			} else {
				assert.ErrorContains(t, err, row.why)
			}
			tooLarge, err = pusher.Reverb.Check(&row.event)
			assert.NoError(t, err, "Reverb has no such limits")
			assert.False(t, tooLarge)
		})
	}
}

func TestWithDefaults(t *testing.T) {
	app := pusher.DefaultApp()
	assert.Equal(t, pusher.App{
		ID: "client-portal", Key: "local-reverb-key", Secret: "local-reverb-secret",
		AllowedOrigins: []string{"*"}, PingInterval: pusher.DefaultPingInterval, ActivityTimeout: pusher.DefaultActivityTimeout,
		MaxMessageSize: 10_000, AcceptClientEventsFrom: "members",
		RateLimit: pusher.RateLimit{MaxAttempts: 60, Decay: pusher.DefaultRateDecay},
	}, app)
	own := pusher.App{AllowedOrigins: []string{}, PingInterval: 1, ActivityTimeout: 2, MaxMessageSize: 3, AcceptClientEventsFrom: "none",
		RateLimit: pusher.RateLimit{MaxAttempts: 4, Decay: 5}}
	assert.Equal(t, own, own.WithDefaults(), "what is set stays")
}
