package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"echolab/emulator/pusher"
	"echolab/harness/echo"
)

// Remote is a server that is reached as its clients reach it: a real Reverb, Pusher, or an Echolab elsewhere.
type Remote struct {
	URL string     // such as http://127.0.0.1:8080 or wss://ws.example.com/prefix; http and ws mean the same
	App pusher.App // its id, key and secret
}

// Trigger publishes an event over the signed HTTP API, to everyone but the socket except ("" for nobody), and returns the
// server's answer. What the server refuses is an
// *Error with its words.
func (r Remote) Trigger(ctx context.Context, channel, event, data, except string) (answer string, err error) {
	base, err := url.Parse(r.URL)
	if err != nil || base.Host == "" {
		return "", &Error{Code: Invalid, Message: fmt.Sprintf("%q is no address; write it as http://127.0.0.1:8080", r.URL)}
	}
	base.Scheme = strings.Replace(base.Scheme, "ws", "http", 1)
	body, err := json.Marshal(struct {
		Name     string   `json:"name"`
		Data     string   `json:"data"`
		Channels []string `json:"channels"`
		SocketID string   `json:"socket_id,omitempty"`
	}{event, data, []string{channel}, except})
	if err != nil {
		return "", err
	}
	path := "/apps/" + r.App.ID + "/events"
	query := url.Values{}
	for name, value := range r.App.SignRequest(http.MethodPost, path, nil, body, time.Now()) {
		query.Set(name, value)
	}
	target := base.JoinPath("apps", r.App.ID, "events")
	target.RawQuery = query.Encode()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", &Error{Code: Away, Message: fmt.Sprintf("%s does not answer: %v", r.URL, bare(err)), Err: err}
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return "", fmt.Errorf("read the answer of %s: %w", r.URL, err)
	}
	if res.StatusCode != http.StatusOK {
		return "", &Error{Code: Refused, Message: fmt.Sprintf("%s refused it: %s %s", r.URL, res.Status, strings.TrimSpace(string(text)))}
	}
	return string(text), nil
}

// bare leaves method and address out of an HTTP client's error: they may hold a signature.
func bare(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// Fits tells whether a name is what a pattern says: * stands for any run of characters.
func Fits(pattern, name string) bool { return pusher.Wildcard(pattern, name) }

// Heard is one event from a Remote.
type Heard = echo.Heard

// Listen subscribes to channels, by their exact names, over a real WebSocket, calls ready once it is on all of them, and
// each with every event until that returns an error or ctx ends, whose error it returns. member is the channel_data for
// presence channels. What the server refuses is an *Error with its words.
func (r Remote) Listen(ctx context.Context, channels []string, member string, ready func(socket string), each func(Heard) error) error {
	c, err := echo.DialLine(ctx, echo.LineOptions{URL: r.URL, App: r.App})
	if err != nil {
		return r.words(err)
	}
	defer func() { _ = c.Close() }()
	for _, channel := range channels {
		data := ""
		if pusher.Reverb.KindOf(channel).Presence {
			data = member
		}
		if err := c.Subscribe(ctx, channel, data); err != nil {
			return r.words(fmt.Errorf("%s: %w", channel, err))
		}
	}
	ready(c.Socket())
	for {
		e, err := c.Next(ctx)
		if err != nil {
			return r.words(err)
		}
		if err := each(e); err != nil {
			return err
		}
	}
}

func (r Remote) words(err error) error {
	var no *echo.Refused
	if errors.As(err, &no) {
		return &Error{Code: Refused, Message: fmt.Sprintf("%s refused it: %v", r.URL, err), Err: err}
	}
	return err
}
