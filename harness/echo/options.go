package echo

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"echolab/emulator/pusher"
)

// Options are what a page gives to `new Echo({broadcaster: 'reverb', …})`, and the page itself. One value serves any number of
// clients; it must not be changed once a client has it.
type Options struct {
	// Key is the application's.
	Key string
	// Host, Port and TLSPort are wsHost, wsPort and wssPort; the ports are 80 and 443 when 0.
	Host          string
	Port, TLSPort int
	// Path is wsPath, before /app/{key}.
	Path string
	// TLS is forceTLS. Without it ws is tried first, and wss beside it after two seconds.
	TLS bool
	// Transports are enabledTransports: "ws", "wss"; both when nil. The fallbacks over HTTP do not exist here.
	Transports []string
	// ActivityTimeout, PongTimeout and UnavailableTimeout are 120, 30 and 10 seconds when 0.
	ActivityTimeout, PongTimeout, UnavailableTimeout time.Duration
	// Namespace comes before event names, "App.Events" when ""; NoNamespace is `namespace: false`.
	Namespace   string
	NoNamespace bool
	// NoNaCl is a page with the build of pusher-js that cannot decrypt: EncryptedPrivate is refused.
	NoNaCl bool
	// Origin is the page's, such as http://localhost; the header is missing when it is "".
	Origin string
	// UserAgent and AcceptLanguage are those of the reference browser when "".
	UserAgent, AcceptLanguage string
	// Header lines are sent with the upgrade, after the browser's own; a browser could not.
	Header []Header
	// Cookies gives the Cookie header of the upgrade, where the client's Session has none for it: a browser sends the page's
	// cookies to every port of its host. It is called on the client's loop.
	Cookies func(c *Client) string
	// Authorizer lets channels and the user in; without one guarded channels end in a subscription error.
	Authorizer Authorizer
	// Observer sees everything that happens to the clients; nil for none.
	Observer Observer
	// NoMembers spares the memory of member lists: Here, Joining and Leaving then stay silent, and the observer reads the events.
	NoMembers bool
}

// Header is one line of a request, its name as it goes out.
type Header struct{ Name, Value string }

// ForURL sets Host, ports, Path and TLS from a server's address such as http://127.0.0.1:8080 or wss://ws.example.com/prefix.
func (o *Options) ForURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return fmt.Errorf("%q is no address; write it as http://127.0.0.1:8080", address)
	}
	switch u.Scheme {
	case "http", "ws":
		o.TLS = false
	case "https", "wss":
		o.TLS = true
	default:
		return fmt.Errorf("%q begins with %s; it must be http, https, ws or wss", address, u.Scheme)
	}
	o.Host, o.Path = u.Hostname(), strings.TrimSuffix(u.Path, "/")
	o.Port, o.TLSPort = 0, 0
	if u.Port() != "" {
		port, err := strconv.Atoi(u.Port())
		if err != nil {
			return fmt.Errorf("%q has no valid port", address)
		}
		o.Port, o.TLSPort = port, port
	}
	return nil
}

const (
	referenceAgent    = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
	referenceLanguage = "en-US,en;q=0.9"
)

func orElse[T comparable](value, other T) T {
	var zero T
	if value == zero {
		return other
	}
	return value
}

func (o *Options) activityTimeout() time.Duration { return orElse(o.ActivityTimeout, 120*time.Second) }
func (o *Options) pongTimeout() time.Duration     { return orElse(o.PongTimeout, 30*time.Second) }
func (o *Options) unavailableTimeout() time.Duration {
	return orElse(o.UnavailableTimeout, 10*time.Second)
}

func (o *Options) enabled(wss bool) bool {
	name := "ws"
	if wss {
		name = "wss"
	}
	return o.Transports == nil || slices.Contains(o.Transports, name)
}

// address is where to connect, and the name that TLS is to find there, "" without TLS.
func (o *Options) address(tls bool) (address, name string) {
	if tls {
		return net.JoinHostPort(o.Host, strconv.Itoa(orElse(o.TLSPort, 443))), o.Host
	}
	return net.JoinHostPort(o.Host, strconv.Itoa(orElse(o.Port, 80))), ""
}

// path is the request line's: pusher-js puts the key in as it is, the browser escapes what no URL may hold.
func (o *Options) path() string { return escapePath(o.Path+"/app/"+o.Key) + query }

const query = "?protocol=7&client=js&version=8.6.0&flash=false"

// escapePath escapes what the URL standard's path state does, and leaves the rest.
func escapePath(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>`{}^", c) >= 0 {
			b.WriteString("%" + string(hex[c>>4]) + string(hex[c&15]))
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// socketURL is what the page gives to new WebSocket.
func (o *Options) socketURL(tls bool) string {
	scheme := "ws://"
	if tls {
		scheme = "wss://"
	}
	address, _ := o.address(tls)
	return scheme + address + o.Path + "/app/" + o.Key + query
}

// hostHeader leaves the scheme's own port away.
func (o *Options) hostHeader(tls bool) string {
	address, _ := o.address(tls)
	if tls {
		return strings.TrimSuffix(address, ":443")
	}
	return strings.TrimSuffix(address, ":80")
}

// upgradeRequest is Chromium's, header for header.
func (c *Client) upgradeRequest(b []byte, tls bool, key string) []byte {
	o := c.opt
	line := func(name, value string) {
		b = append(append(append(append(b, name...), ": "...), value...), "\r\n"...)
	}
	b = append(append(append(b, "GET "...), o.path()...), " HTTP/1.1\r\n"...)
	line("Host", o.hostHeader(tls))
	line("Connection", "Upgrade")
	line("Pragma", "no-cache")
	line("Cache-Control", "no-cache")
	line("User-Agent", orElse(o.UserAgent, referenceAgent))
	line("Upgrade", "websocket")
	if o.Origin != "" {
		line("Origin", o.Origin)
	}
	line("Sec-WebSocket-Version", "13")
	line("Accept-Encoding", "gzip, deflate, br, zstd")
	line("Accept-Language", orElse(o.AcceptLanguage, referenceLanguage))
	cookies := ""
	if o.Cookies != nil {
		cookies = o.Cookies(c)
	} else if c.Session != nil {
		cookies = c.Session.socketCookies(o, tls)
	}
	if cookies != "" {
		line("Cookie", cookies)
	}
	line("Sec-WebSocket-Key", key)
	line("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")
	for _, h := range o.Header {
		line(h.Name, h.Value)
	}
	return append(b, "\r\n"...)
}

// EventName is Echo's EventFormatter: what a listener for name is bound to. A leading dot or backslash means the rest as
// it is; without one the namespace comes before it and dots become backslashes.
func (o *Options) EventName(name string) string {
	if name != "" && (name[0] == '.' || name[0] == '\\') {
		return name[1:]
	}
	if ns := o.namespace(); ns != "" {
		name = ns + "." + name
	}
	return strings.ReplaceAll(name, ".", "\\")
}

func (o *Options) namespace() string {
	if o.NoNamespace {
		return ""
	}
	return orElse(o.Namespace, "App.Events")
}

// kindOf tells what pusher-js makes of a channel's name.
func kindOf(channel string) pusher.Kind {
	switch {
	case strings.HasPrefix(channel, "private-encrypted-"):
		return pusher.Kind{Prefix: "private-encrypted-", Private: true, Encrypted: true}
	case strings.HasPrefix(channel, "private-"):
		return pusher.Kind{Prefix: "private-", Private: true}
	case strings.HasPrefix(channel, "presence-"):
		return pusher.Kind{Prefix: "presence-", Presence: true}
	}
	return pusher.Kind{}
}
