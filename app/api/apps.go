package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"echolab/app"
	"echolab/emulator/pusher"
)

func (h *Handler) status(query, *http.Request) (any, error) {
	s := h.backend.Status()
	s.StartedAt = s.StartedAt.UTC()
	if s.Apps == nil {
		s.Apps = []AppStatus{}
	}
	if s.Warnings == nil {
		s.Warnings = []string{}
	}
	return s, nil
}

// secretHeader has to be sent with a request for a secret. A page of another origin cannot set it without asking
// first (CORS preflight), and nothing here ever says yes to that.
const secretHeader = "X-Echolab-Page"

func (h *Handler) secret(_ query, r *http.Request) (any, error) {
	if r.Header.Get(secretHeader) == "" {
		return nil, &problem{http.StatusForbidden, Problem{Code: "foreign_origin",
			Message: "A secret is only given to Echolab's own page. Use the button there, or send the header " + secretHeader + ": 1."}}
	}
	id := r.PathValue("id")
	secret, ok := h.backend.Secret(id)
	if !ok {
		return nil, app.NoApp(id)
	}
	return Secret{Secret: secret}, nil
}

func (h *Handler) makeApp(_ query, r *http.Request) (any, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, unread(err)
	}
	last := h.backend.Journal().Last()
	made, err := h.app.MakeApp(text)
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(h.app.URL())
	if err != nil {
		return nil, err
	}
	return MadeApp{
		ID: made.ID, Key: made.Key, Keys: made.Keys, Secret: made.Secret, Server: base.String(), LastSeq: last,
		Env: envLines(&made, base), Echo: echoLines(&made, base),
	}, nil
}

func (h *Handler) removeApp(_ query, r *http.Request) (any, error) {
	id := r.PathValue("id")
	n, err := h.app.RemoveApp(id)
	return RemovedApp{ID: id, Disconnected: n}, err
}

// envLines is what a Laravel application's .env, or a test's environment, needs.
func envLines(a *pusher.App, base *url.URL) string {
	host, port, _ := net.SplitHostPort(base.Host)
	lines := []struct{ name, value string }{
		{"BROADCAST_CONNECTION", "reverb"}, {"REVERB_APP_ID", a.ID}, {"REVERB_APP_KEY", a.Key}, {"REVERB_APP_SECRET", a.Secret},
		{"REVERB_HOST", host}, {"REVERB_PORT", port}, {"REVERB_SCHEME", base.Scheme}, {"REVERB_SERVER_PATH", base.Path},
	}
	if base.Path == "" {
		lines = lines[:len(lines)-1]
	}
	var b strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&b, "%s=%s\n", line.name, app.EnvValue(line.value))
	}
	return b.String()
}

// echoLines is the same for laravel-echo.
func echoLines(a *pusher.App, base *url.URL) string {
	host, port, _ := net.SplitHostPort(base.Host)
	path := ""
	if base.Path != "" {
		path = fmt.Sprintf("\n    wsPath: %s,", script(base.Path))
	}
	return fmt.Sprintf(`new Echo({
    broadcaster: 'reverb',
    key: %s,
    wsHost: %s,
    wsPort: %s,
    wssPort: %s,%s
    forceTLS: %t,
    enabledTransports: ['ws', 'wss'],
});
`, script(a.Key), script(host), port, port, path, base.Scheme == "https")
}

// script is a text as JavaScript writes it: JSON is a part of that language.
func script(text string) string {
	quoted, _ := json.Marshal(text) // a string always encodes
	return string(quoted)
}
