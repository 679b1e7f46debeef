package echo

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Endpoint is an Authorizer that asks the application, as pusher-js does from its page: one POST a channel, at most six at
// once for each client's Session, cookies, CSRF token and bearer token on board. One value serves any number of clients.
type Endpoint struct {
	// Page is the page's address, such as http://localhost:8000/clients: it gives Origin and Referer, and relative addresses
	// start from it.
	Page string
	// Auth and UserAuth are authEndpoint and userAuthentication.endpoint, "/broadcasting/auth" and "/broadcasting/user-auth"
	// when "".
	Auth, UserAuth string
	// Headers and Params are auth.headers and auth.params.
	Headers, Params []Header
	// Bearer and CSRF are bearerToken and csrfToken; a Session's own come first.
	Bearer, CSRF string
	// XSRF has the cookie XSRF-TOKEN go back as X-XSRF-TOKEN where no CSRF token is known, as an authorizer that asks with
	// axios does. Echo's own leaves it out.
	XSRF bool
	// UserAgent and AcceptLanguage are those of the reference browser when "".
	UserAgent, AcceptLanguage string
	// TLS is used for https; the system's roots when nil.
	TLS *tls.Config
	// Dial replaces the way to host:port, for tests.
	Dial func(ctx context.Context, address string) (net.Conn, error)

	mu   sync.Mutex // guards idle
	idle map[string][]*httpConn
}

// Authorize asks with the session of the client, which is made where it has none.
func (e *Endpoint) Authorize(q Question, done func(Answer)) {
	s := q.Client.Session
	if s == nil {
		s = e.Session()
		q.Client.Session = s
	}
	address, form := orElse(e.Auth, "/broadcasting/auth"), "socket_id="+component(q.SocketID)
	if q.Channel == "" {
		address = orElse(e.UserAuth, "/broadcasting/user-auth")
	} else {
		form += "&channel_name=" + component(q.Channel)
	}
	for _, p := range e.Params {
		form += "&" + component(p.Name) + "=" + component(p.Value)
	}
	s.queue(job{address, func(w way) { done(s.ask(q, address, form, w)) }})
}

// component is encodeURIComponent.
func component(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z', c-'0' <= 9, strings.IndexByte("-_.!~*'()", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteString("%" + string(hex[c>>4]) + string(hex[c&15]))
		}
	}
	return b.String()
}

// Close ends the connections that are kept for the next request.
func (e *Endpoint) Close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, all := range e.idle {
		for _, c := range all {
			_ = c.nc.Close()
		}
	}
	e.idle = nil
}

// Session is one user's browser as far as HTTP goes: cookies, the CSRF token of the page, the bearer token. Tabs of one user
// share it (Client.Session). Its methods can be called from any goroutine but a loop's, where they would block it.
type Session struct {
	e *Endpoint

	mu      sync.Mutex // guards what follows
	jar     *cookiejar.Jar
	csrf    string
	bearer  string
	headers []Header
	active  int
	waiting []job

	order chan struct{} // full from the taking of a job to the writing of its request
}

// job is a request that waits for a connection to where it goes.
type job struct {
	address string
	run     func(w way)
}

// way is a connection for a job, or why there is none. sent is called when the request has been written.
type way struct {
	c    *httpConn
	kept bool
	err  error
	sent func()
}

// Session makes one without cookies.
func (e *Endpoint) Session() *Session { return &Session{e: e, order: make(chan struct{}, 1)} }

// atOnce is how many requests a browser has under way to one host over HTTP/1.1.
const atOnce = 6

// queue has a job done in the background, as one of at most six. As in a browser, whichever connection is ready first takes
// the job that has waited longest: requests go out in the order in which they were asked for.
func (s *Session) queue(j job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append(s.waiting, j)
	if s.active < atOnce {
		s.active++
		go s.work()
	}
}

func (s *Session) work() {
	for {
		s.mu.Lock()
		if len(s.waiting) == 0 {
			s.active--
			s.waiting = nil
			s.mu.Unlock()
			return
		}
		address := s.waiting[0].address
		s.mu.Unlock()
		var w way
		at, err := s.e.resolve(address)
		if w.err = err; err == nil {
			ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
			w.c, w.kept, w.err = s.e.connection(ctx, at)
			cancel()
		}
		s.order <- struct{}{}
		w.sent = sync.OnceFunc(func() { <-s.order })
		if j, ok := s.take(address); ok {
			j.run(w)
		} else if w.c != nil {
			s.e.keep(at, w.c) // another connection was faster
		}
		w.sent()
	}
}

// take is the job that has waited longest for an address.
func (s *Session) take(address string) (job, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, j := range s.waiting {
		if j.address == address {
			s.waiting = append(s.waiting[:i:i], s.waiting[i+1:]...)
			return j, true
		}
	}
	return job{}, false
}

// SetCSRF is the token of the page's <meta name="csrf-token">.
func (s *Session) SetCSRF(token string) { s.mu.Lock(); defer s.mu.Unlock(); s.csrf = token }

// ownCSRF is what SetCSRF was given, without the endpoint's.
func (s *Session) ownCSRF() string { s.mu.Lock(); defer s.mu.Unlock(); return s.csrf }

// SetBearer is the bearerToken option of this user's Echo.
func (s *Session) SetBearer(token string) { s.mu.Lock(); defer s.mu.Unlock(); s.bearer = token }

// SetHeader adds a header to this user's authorization requests, beside the endpoint's.
func (s *Session) SetHeader(name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.headers = append(s.headers, Header{name, value})
}

// CSRF and Bearer are the tokens in use, "" for none.
func (s *Session) CSRF() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return orElse(s.csrf, s.e.CSRF)
}

// Bearer is the bearer token in use, "" for none.
func (s *Session) Bearer() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return orElse(s.bearer, s.e.Bearer)
}

// HasCookies tells whether it has cookies for an address.
func (s *Session) HasCookies(address string) bool {
	u, err := url.Parse(address)
	return err == nil && s.cookies(u) != ""
}

// SetCookies puts cookies into the session, as if the page's host had set them.
func (s *Session) SetCookies(cookies ...*http.Cookie) error {
	page, err := url.Parse(s.e.Page)
	if err != nil {
		return err
	}
	s.keepCookies(page, cookies)
	return nil
}

func (s *Session) keepCookies(u *url.URL, cookies []*http.Cookie) {
	if len(cookies) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.jar == nil {
		s.jar, _ = cookiejar.New(nil)
	}
	s.jar.SetCookies(u, cookies)
}

// cookies is the Cookie header for an address.
func (s *Session) cookies(u *url.URL) string {
	s.mu.Lock()
	jar := s.jar
	s.mu.Unlock()
	if jar == nil {
		return ""
	}
	var all []string
	for _, c := range jar.Cookies(u) {
		all = append(all, c.Name+"="+c.Value)
	}
	return strings.Join(all, "; ")
}

// socketCookies is the Cookie header of the upgrade: cookies know hosts, not ports.
func (s *Session) socketCookies(o *Options, tls bool) string {
	scheme := "http"
	if tls {
		scheme = "https"
	}
	host := o.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return s.cookies(&url.URL{Scheme: scheme, Host: host, Path: orElse(o.Path, "/")})
}

// Headers are those that Echo sends to its auth endpoint: its own, the CSRF token, the bearer token.
func (s *Session) Headers() []Header {
	out := s.given()
	if token := s.CSRF(); token != "" {
		out = append(out, Header{"X-CSRF-TOKEN", token})
	}
	return append(out, s.authorization()...)
}

// OwnHeaders are the same without the CSRF token, which a login finds out by itself.
func (s *Session) OwnHeaders() []Header { return append(s.given(), s.authorization()...) }

func (s *Session) given() []Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append(slices.Clone(s.e.Headers), s.headers...)
}

func (s *Session) authorization() []Header {
	if token := s.Bearer(); token != "" {
		return []Header{{"Authorization", "Bearer " + token}}
	}
	return nil
}

// ask is pusher-js' ajax authorizer.
func (s *Session) ask(q Question, address, form string, w way) Answer {
	kind := "channel-authorization"
	if q.Channel == "" {
		kind = "user-authentication"
	}
	r := Request{Method: "POST", URL: address, Type: "application/x-www-form-urlencoded", Body: []byte(form)}
	r.Headers = s.Headers()
	if s.e.XSRF && s.CSRF() == "" {
		r.Headers = append(r.Headers, s.XSRF(address)...)
	}
	res, err := s.fetch(context.Background(), r, &w)
	status := 0
	if err == nil {
		status = res.Status
	}
	if status != 200 {
		advice := "Clients must be authorized to join private or presence channels. See: https://pusher.com/docs/channels/server_api/authorizing-users/"
		if q.Channel == "" {
			advice = "See: https://pusher.com/docs/channels/server_api/authenticating_users"
		}
		p := authProblem(status, fmt.Sprintf("Unable to retrieve auth string from %s endpoint - received status: %d from %s. %s", kind, status, address, advice))
		if err != nil {
			p.Inner = &Problem{Type: "NetworkError", Message: err.Error()}
		}
		return Answer{Problem: p}
	}
	if !valid(res.Body) {
		return Answer{Problem: authProblem(200, fmt.Sprintf("JSON returned from %s endpoint was invalid, yet status code was 200. Data was: %s", kind, res.Body))}
	}
	a := Answer{SharedSecret: text(field(res.Body, "shared_secret")), UserData: text(field(res.Body, "user_data"))}
	a.Auth, a.HasAuth = present(field(res.Body, "auth"))
	a.ChannelData, a.HasChannelData = present(field(res.Body, "channel_data"))
	return a
}

// present is a member that is there and not null.
func present(value []byte) (string, bool) {
	if len(value) == 0 || string(value) == "null" {
		return "", false
	}
	return scalar(value), true
}
