package laravel_test

import (
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/laravel"
	"echolab/emulator/pusher"
)

// The rows of protocol K.9 that concern who may enter, pages and addresses, in both modes. Those of events are in
// occur_k9_test.go and notify_test.go, those of sockets and keys in package app's k9_test.go.

var bothModes = []laravel.Mode{laravel.AsWritten, laravel.Fixed}

// member of the channel as Bob gets it.
func joined(t *testing.T, mode laravel.Mode, channel string) (int, string) {
	t.Helper()
	return ask(t, serve(t, mode, office(guide()...), nil), "12", channel)
}

func TestK9_X3_TheDoublePrefixWorks(t *testing.T) {
	for _, mode := range bothModes {
		status, body := joined(t, mode, "presence-presence-project.1")
		assert.Equal(t, 200, status, mode)
		assert.Contains(t, body, `\"user_id\":\"12\"`, mode)
		listed, _ := backend(t, mode, portal())
		for _, event := range listed.Catalogue() {
			assert.NotContains(t, event.Channels, "presence-project.{projectId}", "%s: %s", mode, event.Name)
		}
	}
}

// Sessions work although the guide's routes have no middleware web.
func TestK9_X15_ACookieSaysWhoAsks(t *testing.T) {
	for _, mode := range bothModes {
		base := serve(t, mode, office(guide()...), nil)
		form := url.Values{"socket_id": {"1234.5678"}, "channel_name": {"private-client.5"}}.Encode()
		for cookie, status := range map[string]int{session(t, base, "12"): 200, session(t, base, "13"): 403, "": 403} {
			response, body := send(t, "POST", base+"/broadcasting/auth", form, "Content-Type", "application/x-www-form-urlencoded", "Cookie", cookie, "Accept", "application/json")
			assert.Equal(t, status, response.StatusCode, "%s: %s", mode, body)
		}
	}
}

// A parameter typed int that gets no number is a TypeError in PHP.
func TestK9_X16_AnIDThatIsNoNumber(t *testing.T) {
	app := office(
		laravel.Channel{Pattern: "client.{clientId}", Params: map[string]string{"clientId": "int"}, Rule: "true"},
		laravel.Channel{Pattern: "cast.{id}", Rule: "int(id) in user.clients"},
	)
	for mode, status := range map[laravel.Mode]int{laravel.AsWritten: 500, laravel.Fixed: 403} {
		base := serve(t, mode, app, nil)
		for _, channel := range []string{"private-client.abc", "private-client.7abc", "private-client.0x1A", "private-client.9223372036854775808", "private-cast.abc"} {
			got, _ := ask(t, base, "12", channel)
			assert.Equal(t, status, got, "%s under %s", channel, mode)
		}
		got, _ := ask(t, base, "12", "private-cast.005")
		assert.Equal(t, 200, got, "005 is 5")
	}
}

func address(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	require.NoError(t, err)
	return u
}

// Nothing to do but say it, in both modes: what a proxy does not pass on never gets here.
func TestK9_X17_LaravelPublishesPastTheProxy(t *testing.T) {
	for _, mode := range bothModes {
		notes := laravel.Notes(mode, address(t, "https://portal.yourdomain.com"), address(t, "http://127.0.0.1:8080"))
		require.NotEmpty(t, notes)
		assert.Contains(t, notes[0], "passes on /app alone")
		assert.Contains(t, notes[0], "REVERB_HOST=127.0.0.1 and REVERB_PORT=8080")
	}
}

func TestK9_X19_MembersHaveAnAvatar(t *testing.T) {
	for _, mode := range bothModes {
		_, body := joined(t, mode, "presence-presence-project.1")
		assert.Contains(t, body, `\"avatar\":\"https:`, mode)
		assert.NotContains(t, body, "avatar_url", mode)
	}
}

func TestK9_X20_APolicyNeedsThePort(t *testing.T) {
	const noted = "blocks ws://localhost:8080, and the server never hears of that. Write connect-src 'self' ws://localhost:8080 http://localhost:8080"
	server := address(t, "http://localhost:8080")
	assert.Equal(t, "connect-src 'self' ws://localhost:8080 http://localhost:8080", laravel.PagePolicy(laravel.Fixed, server))
	assert.Equal(t, "connect-src 'self' wss://localhost ws://localhost", laravel.PagePolicy(laravel.AsWritten, server))
	assert.Len(t, laravel.Notes(laravel.Fixed, server, server), 1, "that of X17 alone")
	notes := laravel.Notes(laravel.AsWritten, server, server)
	require.Len(t, notes, 2)
	assert.Contains(t, notes[1], noted)

	// On the scheme's own port the guide's policy is right.
	for _, text := range []string{"https://portal.yourdomain.com", "https://portal.yourdomain.com:443", "http://portal.test:80"} {
		assert.Len(t, laravel.Notes(laravel.AsWritten, address(t, text), server), 1, text)
	}
	assert.Equal(t, "connect-src 'self' wss://[::1]:6001 https://[::1]:6001", laravel.PagePolicy(laravel.Fixed, address(t, "https://[::1]:6001")))
}

// The application's own pages have the policy of their mode.
func TestK9_X20_ThePagesOfTheApplication(t *testing.T) {
	for mode, want := range map[laravel.Mode]string{
		laravel.Fixed: "; connect-src 'self' ws://localhost:8080 http://localhost:8080", laravel.AsWritten: "; connect-src 'self' wss://localhost ws://localhost",
	} {
		b, err := laravel.New(t.Context(), laravel.Config{
			Mode: mode, App: func() (*pusher.App, bool) { return &signer, true }, Server: func() *url.URL { return address(t, "http://localhost:8080") },
		}, office())
		require.NoError(t, err)
		w := httptest.NewRecorder()
		b.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/login", nil))
		assert.Equal(t, 200, w.Code)
		policy := w.Header().Get("Content-Security-Policy")
		assert.Contains(t, policy, "default-src 'none'")
		assert.Contains(t, policy, want, mode)
	}
}

// The first row of K.5, with the answers of H.2.
func TestK5_BroadcastingAuth(t *testing.T) {
	app := office(append(guide(), laravel.Channel{Pattern: "vault.{id}", Rule: "true"})...)
	for _, mode := range bothModes {
		base := serve(t, mode, app, nil)
		for _, row := range []struct {
			name, user, channel string
			status              int
			keys                string // of the answer
		}{
			{"private", "12", "private-client.5", 200, "auth"},
			{"presence", "12", "presence-presence-project.1", 200, "auth channel_data"},
			{"encrypted", "12", "private-encrypted-vault.9", 200, "auth shared_secret"},
			{"refused", "12", "private-client.6", 403, ""},
			{"no user", "", "private-client.5", 403, ""},
			{"no channel", "12", "", 403, ""},
		} {
			t.Run(row.name+"/"+string(mode), func(t *testing.T) {
				status, body := ask(t, base, row.user, row.channel)
				assert.Equal(t, row.status, status, body)
				if row.keys != "" {
					assert.Equal(t, row.keys, keys(t, body))
					auth, _ := object(t, body)["auth"].(string)
					data, _ := object(t, body)["channel_data"].(string)
					assert.True(t, signer.CheckAuth(auth, pusher.ChannelText("1234.5678", row.channel, data), true), body)
				}
			})
		}
	}
}

// The rules are in one place: a changed one counts for every question at once, those of other rules among them.
func TestK6_ChannelAuthorizationService(t *testing.T) {
	b := standIn(t, laravel.Fixed, office(guide()...), nil)
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	answers := func() (all [2]int) {
		for i, channel := range []string{"private-client.5", "presence-presence.client.5"} { // the second asks the first
			all[i], _ = ask(t, server.URL, "12", channel)
		}
		return all
	}
	assert.Equal(t, [2]int{200, 200}, answers())
	changed := office(guide()...)
	changed.Channels[0].Rule = "user.isAdmin"
	require.Empty(t, laravel.Check(changed))
	b.Use(changed)
	assert.Equal(t, [2]int{403, 403}, answers())
}
