package app

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"echolab/emulator/laravel"
	"echolab/harness/spelling"
)

// checkTogether warns of what is valid by itself but will not work, or not as a Laravel user expects.
func (l *loader) checkTogether() {
	l.checkNames()
	l.checkNetwork()
	l.checkLaravel()
}

// checkNames finds variables that look like a misspelt setting.
func (l *loader) checkNames() {
	known := []string{"REVERB_SERVER", "REVERB_PORT", "REVERB_SCHEME", "REVERB_SCALING_ENABLED", "REVERB_SCALING_CHANNEL",
		"REVERB_PULSE_INGEST_INTERVAL", "REVERB_TELESCOPE_INGEST_INTERVAL",
		"ECHOLAB_API"} // the commands that ask a running Echolab read it
	for _, row := range append(Settings(), AppSettings()...) {
		if row.Env != "" {
			known = append(known, row.Env)
		}
	}
	names := l.env.Names()
	slices.Sort(names)
	for _, name := range names {
		if !strings.HasPrefix(name, "REVERB_") && !strings.HasPrefix(name, "ECHOLAB_") || slices.Contains(known, name) {
			continue
		}
		if near := Closest(name, known); near != "" && spelling.Edits(name, near) <= 3 {
			found := l.lookup(name)[0]
			place := "environment"
			if found.from.File != "" {
				place = found.from.String()
			}
			l.warn("%s: %s is read by nobody; did you mean %s?", place, name, near)
		}
	}
}

func (l *loader) checkNetwork() {
	c := &l.config
	listeners := []struct{ name, what, host string }{{"host", "the server", c.Host}, {"ui_host", "the UI", c.UIHost}}
	if host, _, err := net.SplitHostPort(c.BackendAddr); err == nil {
		listeners = append(listeners, struct{ name, what, host string }{"backend_addr", "the emulated application", host})
	}
	if c.BackendAddr != "" && c.Backend == string(laravel.Off) {
		l.warn("backend_addr (%s) has no effect: backend is off (%s)", c.Origin("backend_addr"), c.Origin("backend"))
	}
	for _, at := range listeners {
		if !Loopback(at.host) {
			l.warn("%s can be reached from the network: %s is %s (%s)", at.what, at.name, at.host, c.Origin(at.name))
		}
	}
}

// Loopback says that only programs on this machine can reach the host.
func Loopback(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	return strings.EqualFold(host, "localhost")
}

// checkLaravel compares where we listen with where the Laravel application of this .env publishes
// (config/broadcasting.php).
func (l *loader) checkLaravel() {
	c := &l.config
	if v := l.first("BROADCAST_DRIVER"); v != nil && v.text == "reverb" && l.first("BROADCAST_CONNECTION") == nil {
		l.warn("%s: Laravel 11 and later read BROADCAST_CONNECTION instead, so nothing is broadcast", v.label())
	}
	if v := l.first("REVERB_SCALING_ENABLED"); v != nil && v.text != "" && v.text != "0" && v.text != "false" {
		l.warn("%s: Echolab does not share events with other servers through Redis; what it serves is this one process", v.label())
	}
	if l.config.origins["apps[0].secret"].Env == "" {
		return // no Laravel application beside us
	}
	prefix, host := "REVERB_", ""
	if strings.HasPrefix(c.origins["apps[0].secret"].Env, "PUSHER_") {
		prefix, host = "PUSHER_", "api-mt1.pusher.com"
	}
	c.PublishesTo = Endpoint{Scheme: l.textOf(prefix+"SCHEME", "https"), Host: l.textOf(prefix+"HOST", host), Port: l.textOf(prefix+"PORT", "443")}
	if v := l.first("BROADCAST_CONNECTION"); v == nil {
		if l.first("BROADCAST_DRIVER") == nil {
			l.warn("BROADCAST_CONNECTION is not set: Laravel broadcasts nothing; add BROADCAST_CONNECTION=%s", strings.ToLower(strings.TrimSuffix(prefix, "_")))
		}
	} else if v.text != "reverb" && v.text != "pusher" {
		l.warn("%s: Laravel does not broadcast to a server; write %s", v.label(), strings.ToLower(strings.TrimSuffix(prefix, "_")))
	}
	to := c.PublishesTo
	name := func(s string) string { return l.place(prefix+s) + prefix + s }
	switch {
	case to.Host == "":
		l.warn("%s is %s: Laravel has no host to publish to; write %sHOST=localhost", name("HOST"), l.state(prefix+"HOST"), prefix)
	case to.Port == "":
		l.warn("%s is %s and does not take its default: Laravel has no port to publish to; write %sPORT=%d", name("PORT"), l.state(prefix+"PORT"), prefix, c.Port)
	case to.Port != strconv.Itoa(c.Port) && c.Port != 0:
		l.warn("Laravel publishes to port %s (%s), the server listens on %d (%s): write %sPORT=%d, unless something stands between them",
			to.Port, l.origin(prefix+"PORT"), c.Port, c.Origin("port"), prefix, c.Port)
	}
	ours := c.Scheme()
	switch {
	case to.Scheme == "https" && ours == "http":
		l.warn("Laravel publishes over https (%s), the server speaks http: write %sSCHEME=http or start with --tls auto, unless something stands between them",
			l.origin(prefix+"SCHEME"), prefix)
	case to.Scheme == "http" && ours == "https":
		l.warn("Laravel publishes over http (%s), the server speaks https: write %sSCHEME=https, or start with --tls off", l.origin(prefix+"SCHEME"), prefix)
	case to.Scheme == "https":
	case strings.EqualFold(to.Scheme, "https"):
		l.warn("%s=%s is not https to Laravel: only lower case switches TLS on", name("SCHEME"), to.Scheme)
	case to.Scheme == "":
		l.warn("%s is %s and does not take its default: write %sSCHEME=%s", name("SCHEME"), l.state(prefix+"SCHEME"), prefix, ours)
	case to.Scheme != "http":
		l.warn("%s=%s is neither http nor https: write %sSCHEME=%s", name("SCHEME"), short(to.Scheme), prefix, ours)
	}
	if v := l.first("REVERB_APP_RATE_LIMIT_DECAY_SECONDS"); v != nil && c.Apps[0].RateLimit.Enabled {
		l.warn("%s: works here, but breaks Reverb 1.10, which answers every message with 4200 when this is set", v.label())
	}
}

func (l *loader) first(name string) *value {
	if found := l.lookup(name); len(found) > 0 {
		return &found[0]
	}
	return nil
}

// textOf is the value as Laravel's configuration has it; null is "".
func (l *loader) textOf(name, standard string) string {
	if v := l.first(name); v != nil {
		return v.text
	}
	return standard
}

func (l *loader) origin(name string) string {
	if v := l.first(name); v != nil {
		return v.from.String()
	}
	return "Laravel's default"
}

func (l *loader) place(name string) string {
	if v := l.first(name); v != nil {
		if v.from.File == "" {
			return "environment: "
		}
		return v.from.String() + ": "
	}
	return ""
}

func (l *loader) state(name string) string {
	switch v := l.first(name); {
	case v == nil:
		return "not set"
	case v.null:
		return "null"
	}
	return "empty"
}

// checkToken wants what can stand in an address and in a cookie as it is.
func checkToken(token string) string {
	if len(token) < 8 {
		return "must have at least 8 characters"
	}
	for _, r := range token {
		if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-._~", r) {
			return "may hold only letters, digits and -._~"
		}
	}
	return ""
}
