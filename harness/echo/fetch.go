package echo

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// Request is one of a page's own requests (XMLHttpRequest).
type Request struct {
	Method string
	// URL is absolute, or relative to Endpoint.Page.
	URL string
	// Type is the Content-Type of Body.
	Type string
	Body []byte
	// Headers go out as they are named here.
	Headers []Header
}

// Response is what came at last, redirections followed.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	// URL is where it came from, Redirected whether after a redirection.
	URL        string
	Redirected bool
}

// The bounds of one answer.
const (
	maxBody       = 8 << 20
	maxRedirects  = 20
	fetchTimeout  = 5 * time.Minute // Chromium's, by experience; pusher-js sets none
	keepIdle      = 15 * time.Second
	referenceHint = `"Not:A-Brand";v="8", "Chromium";v="156"`
)

// Fetch sends a request with the session's cookies, keeps those of the answer, and follows redirections as a browser does:
// a POST becomes a GET.
func (s *Session) Fetch(ctx context.Context, r Request) (*Response, error) {
	return s.fetch(ctx, r, nil)
}

// resolve is an address seen from the page.
func (e *Endpoint) resolve(address string) (*url.URL, error) {
	page, err := url.Parse(e.Page)
	if err != nil || page.Host == "" {
		return nil, fmt.Errorf("the page %q is no address; write it as http://localhost:8000/", e.Page)
	}
	at, err := page.Parse(address)
	if err == nil && at.Scheme != "http" && at.Scheme != "https" {
		return nil, fmt.Errorf("%s is neither http nor https", at)
	}
	return at, err
}

// fetch begins on the way given, if any.
func (s *Session) fetch(ctx context.Context, r Request, w *way) (*Response, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	at, err := s.e.resolve(r.URL)
	if err != nil {
		return nil, err
	}
	page, err := url.Parse(s.e.Page)
	if err != nil {
		return nil, err
	}
	for n := range maxRedirects {
		res, err := s.once(ctx, page, at, r, w)
		w = nil
		if err != nil {
			return nil, err
		}
		res.Redirected = n > 0
		to := res.Header.Get("Location")
		switch {
		case to == "" || res.Status < 301 || res.Status > 308 || res.Status > 303 && res.Status < 307:
			return res, nil
		case res.Status < 307 && r.Method != "GET" && r.Method != "HEAD":
			r.Method, r.Body, r.Type = "GET", nil, ""
		}
		next, err := at.Parse(to)
		if err != nil {
			return nil, err
		}
		if at, err = s.e.resolve(next.String()); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%s redirects more than %d times", r.URL, maxRedirects)
}

// once is one request. A kept connection that ends without an answer is no answer: the request is sent again on a new
// one, as browsers do.
func (s *Session) once(ctx context.Context, page, at *url.URL, r Request, w *way) (*Response, error) {
	head := s.head(page, at, r)
	for {
		if w == nil {
			w = &way{sent: func() {}}
			w.c, w.kept, w.err = s.e.connection(ctx, at)
		}
		if w.err != nil {
			return nil, w.err
		}
		c, kept := w.c, w.kept
		res, err := c.exchange(ctx, r.Method, head, r.Body, w.sent)
		if err != nil {
			_ = c.nc.Close()
			if kept && errors.Is(err, errNoAnswer) {
				w = nil
				continue
			}
			return nil, err
		}
		s.keepCookies(at, (&http.Response{Header: res.Header}).Cookies())
		if c.reusable {
			s.e.keep(at, c)
		} else {
			_ = c.nc.Close()
		}
		res.URL = at.String()
		return res, nil
	}
}

// head is the request's, in Chromium's order.
func (s *Session) head(page, at *url.URL, r Request) []byte {
	e := s.e
	origin := page.Scheme + "://" + page.Host
	site := "cross-site"
	same := origin == at.Scheme+"://"+at.Host
	switch {
	case same:
		site = "same-origin"
	case page.Hostname() == at.Hostname():
		site = "same-site"
	}
	var b bytes.Buffer
	line := func(name, value string) {
		if value != "" {
			b.WriteString(name + ": " + value + "\r\n")
		}
	}
	b.WriteString(r.Method + " " + at.RequestURI() + " HTTP/1.1\r\n")
	line("Host", at.Host)
	line("Connection", "keep-alive")
	if r.Method != "GET" && r.Method != "HEAD" {
		line("Content-Length", strconv.Itoa(len(r.Body)))
	}
	line("sec-ch-ua-platform", `"Linux"`)
	accept := "*/*"
	for _, h := range r.Headers {
		if strings.EqualFold(h.Name, "Accept") {
			accept = h.Value
			continue
		}
		line(h.Name, h.Value)
	}
	line("User-Agent", orElse(e.UserAgent, referenceAgent))
	line("sec-ch-ua", referenceHint)
	line("Content-Type", r.Type)
	line("sec-ch-ua-mobile", "?0")
	line("Accept", accept)
	if r.Method != "GET" && r.Method != "HEAD" || !same {
		line("Origin", origin)
	}
	line("Sec-Fetch-Site", site)
	line("Sec-Fetch-Mode", "cors")
	line("Sec-Fetch-Dest", "empty")
	if same {
		line("Referer", orElse((&url.URL{Scheme: page.Scheme, Host: page.Host, Path: page.Path, RawQuery: page.RawQuery}).String(), origin))
	} else {
		line("Referer", origin+"/")
	}
	line("Accept-Encoding", "gzip, deflate, br, zstd")
	line("Accept-Language", orElse(e.AcceptLanguage, referenceLanguage))
	if same { // pusher-js does not ask for credentials elsewhere
		line("Cookie", s.cookies(at))
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

// httpConn is one connection to the application.
type httpConn struct {
	nc       net.Conn
	r        *bufio.Reader
	since    time.Time
	reusable bool
}

// connection takes a kept connection or makes one.
func (e *Endpoint) connection(ctx context.Context, at *url.URL) (c *httpConn, kept bool, err error) {
	place := at.Scheme + "://" + at.Host
	e.mu.Lock()
	for all := e.idle[place]; len(all) > 0; all = e.idle[place] {
		c := all[len(all)-1]
		e.idle[place] = all[:len(all)-1]
		if time.Since(c.since) < keepIdle {
			e.mu.Unlock()
			return c, true, nil
		}
		_ = c.nc.Close()
	}
	e.mu.Unlock()
	address := at.Host
	if at.Port() == "" {
		port := "80"
		if at.Scheme == "https" {
			port = "443"
		}
		address = net.JoinHostPort(at.Hostname(), port)
	}
	var nc net.Conn
	if e.Dial != nil {
		nc, err = e.Dial(ctx, address)
	} else {
		nc, err = (&net.Dialer{}).DialContext(ctx, "tcp", address)
	}
	if err != nil {
		return nil, false, err
	}
	if at.Scheme == "https" {
		secure := e.TLS.Clone()
		if secure == nil {
			secure = &tls.Config{}
		}
		secure.ServerName = at.Hostname()
		secure.NextProtos = []string{"http/1.1"}
		t := tls.Client(nc, secure)
		if err := t.HandshakeContext(ctx); err != nil {
			_ = nc.Close()
			return nil, false, err
		}
		nc = t
	}
	return &httpConn{nc: nc, r: bufio.NewReader(nc)}, false, nil
}

// keep puts a connection away for the next request to the same place.
func (e *Endpoint) keep(at *url.URL, c *httpConn) {
	place := at.Scheme + "://" + at.Host
	c.since = time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.idle[place]) >= 256 {
		_ = c.nc.Close()
		return
	}
	if e.idle == nil {
		e.idle = map[string][]*httpConn{}
	}
	e.idle[place] = append(e.idle[place], c)
}

var errNoAnswer = errors.New("the connection ended without an answer")

func (c *httpConn) exchange(ctx context.Context, method string, head, body []byte, sent func()) (*Response, error) {
	stop := context.AfterFunc(ctx, func() { _ = c.nc.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	_, err := c.nc.Write(append(head[:len(head):len(head)], body...))
	sent()
	if err != nil {
		return nil, fmt.Errorf("%w: %v", errNoAnswer, err)
	}
	if _, err := c.r.Peek(1); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: %v", errNoAnswer, err)
	}
	res, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > maxBody {
		return nil, fmt.Errorf("an answer of more than %d bytes", maxBody)
	}
	c.reusable = !res.Close && stop()
	decoded, err := uncompressed(res.Header.Get("Content-Encoding"), raw)
	if err != nil {
		return nil, err
	}
	return &Response{Status: res.StatusCode, Header: res.Header, Body: decoded}, nil
}

// uncompressed undoes what Accept-Encoding has offered.
func uncompressed(encoding string, b []byte) ([]byte, error) {
	from := io.Reader(bytes.NewReader(b))
	switch strings.ToLower(encoding) {
	case "", "identity":
		return b, nil
	case "gzip":
		r, err := gzip.NewReader(from)
		if err != nil {
			return nil, err
		}
		from = r
	case "deflate":
		from = flate.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte{0x78, 0x9c})))
	case "br":
		from = brotli.NewReader(from)
	case "zstd":
		r, err := zstd.NewReader(from, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		defer r.Close()
		from = r
	default:
		return nil, fmt.Errorf("an answer with the content encoding %q", encoding)
	}
	out, err := io.ReadAll(io.LimitReader(from, maxBody+1))
	if err == nil && len(out) > maxBody {
		err = fmt.Errorf("an answer of more than %d bytes", maxBody)
	}
	return out, err
}
