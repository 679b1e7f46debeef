package harness

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"echolab/emulator/pusher"
	"echolab/harness/echo"
)

// target is the server under test, as its application reaches it.
type target struct {
	base *url.URL
	app  pusher.App
	http *http.Client
	key  []byte // master key of encrypted channels
}

func newTarget(address string, app pusher.App, trust *tls.Config, masterKey []byte) (*target, error) {
	base, err := url.Parse(address)
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("%q is no address; write it as http://127.0.0.1:8080", address)
	}
	switch base.Scheme {
	case "ws", "http":
		base.Scheme = "http"
	case "wss", "https":
		base.Scheme = "https"
	default:
		return nil, fmt.Errorf("%q begins with %s; it must be http, https, ws or wss", address, base.Scheme)
	}
	base.Path = strings.TrimSuffix(base.Path, "/")
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: trust, MaxIdleConnsPerHost: 1024, MaxIdleConns: 4096,
		IdleConnTimeout: 30 * time.Second, DisableCompression: true,
		DialContext: (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext}
	return &target{base: base, app: app, http: &http.Client{Transport: transport, Timeout: 30 * time.Second}, key: masterKey}, nil
}

// call sends one signed request and returns status and body.
func (t *target) call(ctx context.Context, method, path string, body []byte) (status int, answer []byte, err error) {
	path = "/apps/" + t.app.ID + path
	address := *t.base
	address.Path += path
	var query strings.Builder
	for name, value := range t.app.SignRequest(method, path, nil, body, time.Now()) {
		if query.Len() > 0 {
			query.WriteByte('&')
		}
		query.WriteString(name + "=" + url.QueryEscape(value))
	}
	address.RawQuery = query.String()
	req, err := http.NewRequestWithContext(ctx, method, address.String(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := t.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err = io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return res.StatusCode, answer, err
}

// publish sends one event. data is its payload; on encrypted channels it is sealed.
func (t *target) publish(ctx context.Context, event string, channels []string, data []byte, except string) (status int, answer []byte, err error) {
	text := string(data)
	if len(channels) == 1 && KindOf(channels[0]) == "encrypted" {
		if text, err = echo.Seal(t.key, channels[0], data); err != nil {
			return 0, nil, err
		}
	}
	message := struct {
		Name     string   `json:"name"`
		Data     string   `json:"data"`
		Channel  string   `json:"channel,omitempty"`
		Channels []string `json:"channels,omitempty"`
		SocketID string   `json:"socket_id,omitempty"`
	}{Name: event, Data: text, SocketID: except}
	if len(channels) == 1 { // pusher-http-php does the same
		message.Channel = channels[0]
	} else {
		message.Channels = channels
	}
	body, err := json.Marshal(message)
	if err != nil {
		return 0, nil, err
	}
	return t.call(ctx, http.MethodPost, "/events", body)
}

// reach asks the target something harmless, so that a wrong address, key or secret is said before a thousand users fail.
// An error of type *unreachable means that nobody can be asked; any other, that the answer was no.
func (t *target) reach(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	status, answer, err := t.call(ctx, http.MethodGet, "/channels", nil)
	switch {
	case err != nil:
		return &unreachable{fmt.Sprintf("%s does not answer: %v", t.base, bare(err))}
	case status == http.StatusOK && json.Valid(answer):
		return nil
	case status == http.StatusOK:
		return &unreachable{fmt.Sprintf("%s answers, but not as a Pusher server does: GET /apps/%s/channels gave %s", t.base, t.app.ID, few1(answer))}
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return &unreachable{fmt.Sprintf("%s refuses the key or the secret of app %s (status %d: %s)", t.base, t.app.ID, status, few1(answer))}
	case status == http.StatusNotFound:
		return &unreachable{fmt.Sprintf("%s has no app %s, or is no Pusher server (status 404: %s)", t.base, t.app.ID, few1(answer))}
	}
	return &unreachable{fmt.Sprintf("%s answers GET /apps/%s/channels with status %d: %s", t.base, t.app.ID, status, few1(answer))}
}

// greet connects once, as a user will, so that a key under which nobody can connect is said before everybody has waited in
// vain. Only what holds for all of them is an error; whatever else goes wrong the run will tell.
func (t *target) greet(ctx context.Context, trust *tls.Config, origin string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	line, err := echo.DialLine(ctx, echo.LineOptions{URL: t.base.String(), App: t.app, TLS: trust, Origin: origin})
	if err == nil {
		_ = line.Close()
		return nil
	}
	if no, ok := errors.AsType[*echo.Refused](err); ok && connectionMeaning(no.Code) != "" {
		return &unreachable{fmt.Sprintf("%s lets nobody connect: %d %s%s", t.base, no.Code, no.Message, connectionMeaning(no.Code))}
	}
	return nil
}

// connectionMeaning is what to look at after an error that holds for every connection; "" for one that may pass. The codes
// are those of Pusher's protocol ("Error Codes").
func connectionMeaning(code int) string {
	switch code {
	case 4001:
		return "; the app key is wrong: look at --key, app.key under target, or REVERB_APP_KEY"
	case 4003:
		return "; the app is disabled at the server"
	case 4009:
		return "; the server does not let this origin in: look at its allowed_origins"
	}
	return ""
}

// unreachable is why nothing could be asked of a target.
type unreachable struct{ text string }

func (u *unreachable) Error() string { return u.text }

// bare is an error without the request's address around it, which holds a signature.
func bare(err error) error {
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	if err != nil && strings.Contains(err.Error(), "malformed HTTP") { // it quotes what came, which may be the request itself
		return errors.New("what answers there does not speak HTTP")
	}
	return err
}

// few1 is the beginning of an answer, on one line.
func few1(answer []byte) string {
	text := strings.Join(strings.Fields(string(answer)), " ")
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "") + "…"
	}
	return strconv.Quote(text)
}
