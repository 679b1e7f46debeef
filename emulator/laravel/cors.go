package laravel

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// defaultOrigins are the front ends of a developer's machine: Vite's 5173 and any other port.
var defaultOrigins = []string{
	"http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*", "https://localhost:*", "https://127.0.0.1:*", "https://[::1]:*",
}

// allowedHeaders are the request headers of Echo, of the HTTP clients that Echo hooks, and Echolab's own.
const allowedHeaders = "Accept, Authorization, Content-Type, X-CSRF-TOKEN, X-XSRF-TOKEN, X-Requested-With, X-Socket-ID, X-Echolab-User"

// crossOrigin sets the CORS headers for a page of a configured origin and answers its preflight; a foreign page gets none,
// so that its browser keeps the answer from it. done tells that the request is answered.
func (b *Backend) crossOrigin(c *call) (done bool) {
	h := c.w.Header()
	h.Add("Vary", "Origin")
	origin := c.r.Header.Get("Origin")
	preflight := origin != "" && c.r.Method == http.MethodOptions && c.r.Header.Get("Access-Control-Request-Method") != ""
	if origin != "" && c.app.allowsOrigin(origin) {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
		if preflight {
			h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
			h.Set("Access-Control-Allow-Headers", allowedHeaders)
			h.Set("Access-Control-Max-Age", "600")
		}
	}
	if preflight {
		h.Add("Vary", "Access-Control-Request-Method")
		c.w.WriteHeader(http.StatusNoContent)
	}
	return preflight
}

// allowsOrigin tells whether a front end of that origin (http://localhost:5173) may call.
func (app *Application) allowsOrigin(origin string) bool {
	patterns := app.Auth.Origins
	if patterns == nil {
		patterns = defaultOrigins
	}
	for _, pattern := range patterns {
		if matchesOrigin(pattern, origin) {
			return true
		}
	}
	return false
}

// matchesOrigin compares scheme and host exactly, but for case; a port * matches any, none too. The pattern * matches
// every origin but null.
func matchesOrigin(pattern, origin string) bool {
	pattern, origin = strings.ToLower(strings.TrimRight(pattern, "/")), strings.ToLower(origin)
	if pattern == "*" {
		return origin != "null"
	}
	base, anyPort := strings.CutSuffix(pattern, ":*")
	if !anyPort {
		return pattern == origin
	}
	port, fits := strings.CutPrefix(origin, base)
	if !fits || port == "" {
		return fits
	}
	digits, colon := strings.CutPrefix(port, ":")
	return colon && digits != "" && strings.Trim(digits, "0123456789") == ""
}

// callerOrigin is the page that asks: the header Origin, or of a script or form of another site the Referer's. "" is no
// page, or one of our own.
func callerOrigin(r *http.Request) string {
	if origin := r.Header.Get("Origin"); origin != "" {
		return origin
	}
	if r.Header.Get("Sec-Fetch-Site") != "cross-site" {
		return ""
	}
	if from, err := url.Parse(r.Header.Get("Referer")); err == nil && from.Host != "" {
		return from.Scheme + "://" + from.Host
	}
	return "null"
}

// actsForForeignPage tells whether a page of an origin that is not configured would change something, or read something
// around the browser's same-origin rule (JSONP).
func (c *call) actsForForeignPage() bool {
	origin := callerOrigin(c.r)
	if origin == "" || c.app.allowsOrigin(origin) || isOwnOrigin(origin, c.r.Host) {
		return false
	}
	if c.r.Method == http.MethodGet || c.r.Method == http.MethodHead {
		return c.r.URL.Query().Has("callback")
	}
	return true
}

// isOwnOrigin tells whether the page is the application's own. A name that may be anybody's does not count: it could be
// pointed at this machine by whoever holds it (DNS rebinding).
func isOwnOrigin(origin, host string) bool {
	from, err := url.Parse(origin)
	return err == nil && from.Host == host && isLocalHost(from.Hostname())
}

// knownHost tells whether the request is for a name of this application. A page of any other name may be somebody's who has
// pointed it at this machine (DNS rebinding): its browser takes our answers for its own, shows it even those to GET, and lets
// it set any header, so that naming a user by id proves nothing. An address cannot be pointed elsewhere: a phone in the same
// network that asks 192.168.1.5 passes.
func (b *Backend) knownHost(c *call) bool {
	host := c.r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.Trim(host, "[]"), ".")
	if isLocalHost(host) || slices.ContainsFunc(b.cfg.Hosts, func(own string) bool { return own != "" && strings.EqualFold(own, host) }) {
		return true
	}
	for _, origin := range []string{"http://" + c.r.Host, "https://" + c.r.Host, "http://" + host, "https://" + host} {
		if c.app.allowsOrigin(origin) {
			return true
		}
	}
	return false
}

// isLocalHost: an address, or a name that no registry gives away.
func isLocalHost(host string) bool {
	if net.ParseIP(host) != nil || !strings.Contains(host, ".") {
		return true
	}
	for _, suffix := range []string{".localhost", ".test", ".local", ".internal"} {
		if strings.HasSuffix(host, suffix) {
			return true
		}
	}
	return false
}
