package emulator

import (
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"

	"echolab/emulator/pusher"
)

// label names a request in the journal and in logs; what a stranger sends must not fill them.
func label(r *http.Request) string { return short(r.Method + " " + r.URL.Path) }

func short(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// headSize is what the request line and the headers took on the wire.
func headSize(r *http.Request) int {
	n := len(r.Method) + len(r.RequestURI) + len(r.Proto) + 4 + len("Host: \r\n") + len(r.Host) + 2
	for name, values := range r.Header {
		for _, value := range values {
			n += len(name) + len(value) + 4
		}
	}
	return n
}

// rawPath is the path as it was sent, without the server's prefix: what the sender signed.
func rawPath(r *http.Request, prefix string) string {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if i := strings.Index(path, "://"); i > 0 { // absolute form
		if u, err := url.Parse(path); err == nil {
			path = u.EscapedPath()
		}
	}
	return strings.TrimPrefix(path, prefix)
}

// parseQuery reads a query string as PHP does: the last of several values wins, name[] collects a list (joined with
// commas, as Reverb signs it), dots and blanks in names become underscores, broken escapes stay as they are.
func parseQuery(raw string) pusher.Query {
	q := pusher.Query{}
	lists := map[string]bool{}
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, value = unescape(name), unescape(value)
		if base, _, list := strings.Cut(name, "["); list && base != "" {
			name = phpName.Replace(base)
			if lists[name] {
				q[name] += "," + value
				continue
			}
			lists[name] = true
		} else {
			name = phpName.Replace(name)
			delete(lists, name)
		}
		q[name] = value
	}
	return q
}

var phpName = strings.NewReplacer(".", "_", " ", "_")

func unescape(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			out = append(out, ' ')
		case s[i] == '%' && i+2 < len(s):
			b, err := hex.DecodeString(s[i+1 : i+3])
			if err != nil {
				out = append(out, '%')
				continue
			}
			out = append(out, b...)
			i += 2
		default:
			out = append(out, s[i])
		}
	}
	return string(out)
}
