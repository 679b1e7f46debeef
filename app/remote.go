package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"echolab/app/certificate"
	"echolab/emulator/pusher"
	"echolab/harness/echo"
)

// Remote is a server that is reached as its clients reach it: a real Reverb, Pusher, or an Echolab elsewhere.
type Remote struct {
	URL string      // such as http://127.0.0.1:8080 or wss://ws.example.com/prefix; http and ws mean the same
	App pusher.App  // its id, key and secret
	TLS *tls.Config // whom to trust where the URL is https or wss, see Trusting; nil is whom the system trusts
}

// Trusting is for a Remote whose certificate comes from one of the authorities in PEM files, or from one that the system
// trusts. The error names the file that holds none.
func Trusting(files ...string) (*tls.Config, error) {
	roots, err := certificate.Roots(files...)
	if err != nil {
		return nil, &Error{Code: Invalid, Message: err.Error(), Err: err}
	}
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, nil
}

// Unchecked is for a Remote whose certificate is not looked at: whoever answers is taken for the server.
func Unchecked() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} //nolint:gosec // asked for
}

// Trigger publishes an event to everyone but the socket except ("" for nobody), see Publish.
func (r Remote) Trigger(ctx context.Context, channel, event, data, except string) (answer string, err error) {
	return r.Publish(ctx, pusher.Publication{Event: event, Data: data, Channels: []string{channel}, Except: except})
}

// Publish sends an event over the signed HTTP API, as Laravel would, and returns the server's answer. What the server
// refuses is an *Error with its words.
func (r Remote) Publish(ctx context.Context, p pusher.Publication) (answer string, err error) {
	base, err := url.Parse(r.URL)
	if err != nil || base.Host == "" {
		return "", &Error{Code: Invalid, Message: fmt.Sprintf("%q is no address; write it as http://127.0.0.1:8080", r.Address())}
	}
	switch base.Scheme {
	case "http", "ws":
		base.Scheme = "http"
	case "https", "wss":
		base.Scheme = "https"
	default:
		return "", &Error{Code: Invalid, Message: fmt.Sprintf("%q begins with %s; it must be http, https, ws or wss", r.Address(), base.Scheme)}
	}
	body, err := json.Marshal(struct {
		Name     string   `json:"name"`
		Data     string   `json:"data"`
		Channels []string `json:"channels"`
		SocketID string   `json:"socket_id,omitempty"`
	}{p.Event, p.Data, p.Channels, p.Except})
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
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = r.TLS
	defer transport.CloseIdleConnections()
	// A server of the protocol never sends a publisher elsewhere; what does is an application's login, for one.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := (&http.Client{Transport: transport, CheckRedirect: stay}).Do(req)
	if err != nil {
		if untrusted := r.untrusted(err); untrusted != nil {
			return "", untrusted
		}
		return "", &Error{Code: Away, Message: fmt.Sprintf("%s does not answer: %v", r.Address(), bare(err)), Err: err}
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return "", fmt.Errorf("read the answer of %s: %w", r.Address(), err)
	}
	if res.StatusCode != http.StatusOK {
		return "", &Error{Code: Refused, Message: strings.TrimSpace(fmt.Sprintf("%s refused it: %s %s", r.Address(), tamed(res.Status), saidBy(text)))}
	}
	var took map[string]json.RawMessage // {} of a Reverb and of Pusher
	if err := json.Unmarshal(text, &took); err != nil {
		return "", &Error{Code: Refused, Message: fmt.Sprintf("%s answered 200, but not as a Pusher server does (%s): is it the address of another program, such as the application itself?",
			r.Address(), saidBy(text))}
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
	c, err := echo.DialLine(ctx, echo.LineOptions{URL: r.URL, App: r.App, TLS: r.TLS})
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

// untrusted says what to do about a certificate that is not believed; nil where an error is about something else.
func (r Remote) untrusted(err error) error {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	const otherwise = "or --insecure to go on without looking at the certificate"
	say := func(format string, args ...any) error {
		return &Error{Code: Refused, Err: err, Message: fmt.Sprintf(format, args...)}
	}
	switch {
	case errors.As(err, &authority):
		signer := "an authority"
		if authority.Cert != nil && authority.Cert.Issuer.CommonName != "" {
			signer = short(authority.Cert.Issuer.CommonName)
		}
		file := "the PEM file of that authority"
		if strings.HasPrefix(signer, `"`+certificate.CAName) {
			file = "the ca.pem of that machine, which 'echolab tls' there names"
		}
		return say("the certificate of %s is signed by %s, which neither this system nor this Echolab trusts; pass --ca with %s, %s", r.Address(), signer, file, otherwise)
	case errors.As(err, &host):
		return say("the certificate of %s is for %s, not for that host; use one of those names, %s", r.Address(), strings.Join(certificate.Names(host.Certificate), ", "), otherwise)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return say("the certificate of %s is valid from %s to %s, and this machine's clock says %s; renew it, or put the clock right, %s", r.Address(),
			invalid.Cert.NotBefore.Format(time.DateOnly), invalid.Cert.NotAfter.Format(time.DateOnly), time.Now().Format(time.DateOnly), otherwise)
	case errors.As(err, &invalid):
		return say("the certificate of %s is not believed: %v; have it made anew, %s", r.Address(), invalid, otherwise)
	}
	return nil
}

func (r Remote) words(err error) error {
	if untrusted := r.untrusted(err); untrusted != nil {
		return untrusted
	}
	var no *echo.Refused
	if errors.As(err, &no) {
		return &Error{Code: Refused, Message: fmt.Sprintf("%s refused it: %s", r.Address(), saidBy([]byte(err.Error()))), Err: err}
	}
	return err
}
