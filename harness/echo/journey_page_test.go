package echo_test

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"echolab/harness/echo"
)

// page runs the lines of a journey's page with a virtual client: as much of JavaScript as they need.
type page struct {
	t        *testing.T
	st       *stage
	e        *echo.Engine
	endpoint *echo.Endpoint
	session  *echo.Session
	opt      *echo.Options
	c        *echo.Client
	vars     map[string]any
	unbind   map[string]func() // what rec('a') is bound to, for stopListening with a callback
}

// fn is rec('name').
type fn string

// raw is a JSON value.
type raw string

func newPage(t *testing.T, st *stage) *page {
	p := &page{t: t, st: st, vars: map[string]any{}, unbind: map[string]func(){}}
	p.e = echo.NewEngine(echo.Config{Loops: 1, Dial: st.dial, Seed: 1})
	p.endpoint = &echo.Endpoint{Page: "http://" + pageAt + "/", Dial: st.dialPage}
	p.opt = &echo.Options{Origin: "http://" + pageAt, Authorizer: p.endpoint, Host: "127.0.0.1"}
	o := st.j.Options
	p.opt.Key, _ = o["key"].(string)
	p.opt.Path, _ = o["wsPath"].(string)
	forceTLS, given := o["forceTLS"].(bool)
	p.opt.TLS = !given || forceTLS
	p.opt.Port, p.opt.TLSPort = 6001, 6001
	if port, ok := o["wssPort"].(float64); ok {
		p.opt.TLSPort = int(port)
	}
	for _, name := range o["enabledTransports"].([]any) {
		p.opt.Transports = append(p.opt.Transports, name.(string))
	}
	p.opt.PongTimeout, p.opt.ActivityTimeout = ms(o["pongTimeout"]), ms(o["activityTimeout"])
	p.opt.NoNamespace = o["namespace"] == false
	p.endpoint.CSRF, _ = o["csrfToken"].(string)
	p.endpoint.Bearer, _ = o["bearerToken"].(string)
	p.opt.NoNaCl = strings.Contains(st.j.Title, "with the ordinary build")
	p.opt.Observer = p.observe
	p.session = p.endpoint.Session()
	for _, e := range st.j.Wire {
		for _, h := range e.Headers {
			if h[1] == "csrf-from-meta" {
				p.session.SetCSRF(h[1])
			}
			if h[0] == "Cookie" {
				for _, part := range strings.Split(h[1], "; ") {
					name, value, _ := strings.Cut(part, "=")
					require.NoError(t, p.session.SetCookies(&http.Cookie{Name: name, Value: value}))
				}
			}
		}
	}
	_, err := p.session.Fetch(context.Background(), echo.Request{Method: "GET", URL: "/warm"})
	require.NoError(t, err)
	return p
}

func (p *page) do(f func()) { require.True(p.t, p.c.Do(f)) }

func (p *page) called(name string, args ...any) {
	list := make([]json.RawMessage, 0, len(args))
	for _, a := range args {
		switch a := a.(type) {
		case nil:
			list = append(list, json.RawMessage("null"))
		case raw:
			if a == "" {
				a = `"<undefined>"`
			}
			list = append(list, json.RawMessage(a))
		default:
			b, err := json.Marshal(a)
			require.NoError(p.t, err)
			list = append(list, b)
		}
	}
	b, err := json.Marshal(list)
	require.NoError(p.t, err)
	p.st.mu.Lock()
	defer p.st.mu.Unlock()
	p.st.callbacks = append(p.st.callbacks, callback{p.st.now(), name, b})
}

// problem is what JavaScript gets for one.
func problem(q *echo.Problem) any {
	switch q.Type {
	case "WebSocketError":
		return map[string]any{"type": q.Type, "error": problem(q.Inner)}
	case "HandshakeError", "MessageParseError":
		return map[string]any{"type": q.Type, "error": q.Message}
	case "AuthError":
		out := map[string]any{"type": q.Type, "error": q.Message}
		if q.HasCode {
			out["status"] = q.Code
		}
		return out
	}
	if q.Data != nil {
		return map[string]any{"type": q.Type, "data": json.RawMessage(q.Data)}
	}
	data := map[string]any{}
	if q.HasCode {
		data["code"] = q.Code
	}
	if q.Message != "" {
		data["message"] = q.Message
	}
	return map[string]any{"type": q.Type, "data": data}
}

func (p *page) observe(c *echo.Client, n *echo.Notice) {
	if c != p.c { // a page that has been closed hears nothing
		return
	}
	code := n.Code
	switch n.Kind {
	case echo.NoticeConnect:
		p.st.record(entry{Dir: "page", Kind: "new_websocket", URL: n.URL})
	case echo.NoticeSocketError:
		p.st.record(entry{Dir: "page", Kind: "websocket_error", URL: n.URL})
	case echo.NoticeClosed:
		p.st.record(entry{Dir: "page", Kind: "websocket_close", URL: n.URL, Code: &code, Reason: n.Reason, WasClean: n.Clean})
	case echo.NoticeState:
		if n.Previous != echo.StateInitialized {
			p.called("connection.state_change", map[string]string{"previous": n.Previous.String(), "current": n.State.String()})
		}
	case echo.NoticeRetry:
		if n.Seconds > 0 {
			p.called("connection.connecting_in", n.Seconds)
		}
	case echo.NoticeError:
		p.called("connection.error", problem(n.Problem))
	case echo.NoticeUncaught:
		if n.Err == echo.ErrNoNaCl {
			p.called("threw", "Error: "+n.Err.Error())
			return
		}
		p.called("uncaught", "Uncaught TypeError: "+n.Err.Error())
	}
}

// run does some lines in one go.
func (p *page) run(lines []string) {
	if strings.HasPrefix(lines[0], "Echo = ") {
		c := p.e.Client(p.opt, nil)
		c.Do(func() { p.c = c })
		p.c.Session = p.session
	}
	p.do(func() {
		for _, line := range lines {
			p.line(line)
		}
	})
}

func (p *page) members(ch *echo.Channel, array bool) any {
	info := map[string]json.RawMessage{}
	var me any
	var list []json.RawMessage
	for _, m := range ch.Members() {
		if m.Info == nil {
			continue // undefined is not in JSON
		}
		info[m.ID] = m.Info
		if array {
			at, _ := strconv.Atoi(m.ID)
			for len(list) <= at {
				list = append(list, json.RawMessage("null"))
			}
			list[at] = m.Info
		}
	}
	if my := ch.Me(); my != nil {
		me = map[string]any{"id": my.ID, "info": json.RawMessage(my.Info)}
	}
	var all any = info
	if array {
		all = append([]json.RawMessage{}, list...)
	}
	var id any
	if ch.MyID() != "" {
		id = ch.MyID()
	}
	return map[string]any{"members": all, "count": ch.MemberCount(), "myID": id, "me": me}
}

func (p *page) line(line string) {
	c := p.c
	names := func(list []*echo.Channel) []string {
		out := []string{}
		for _, ch := range list {
			out = append(out, ch.Name())
		}
		return out
	}
	socket := func() any {
		if c.SocketID() == "" {
			return raw("")
		}
		return c.SocketID()
	}
	switch line {
	case "Echo = watch(new EchoLib(options))":
		c.Connect()
	case "Echo.onConnectionChange !== undefined && 0":
	case "note('status', Echo.connectionStatus())":
		p.called("status", c.Status())
	case "note('status', Echo.connectionStatus(), Echo.socketId())":
		p.called("status", c.Status(), socket())
	case "note('echo channels', Object.keys(Echo.connector.channels))":
		p.called("echo channels", names(c.Channels()))
	case "note('pusher channels', Echo.connector.pusher.allChannels().map(c => c.name))":
		p.called("pusher channels", names(c.Channels()))
	case "note('while away', Echo.connectionStatus(), Echo.socketId(), Echo.connector.pusher.allChannels().map(c => [c.name, c.subscribed]))":
		all := [][2]any{}
		for _, ch := range c.Channels() {
			all = append(all, [2]any{ch.Name(), ch.Subscribed()})
		}
		p.called("while away", c.Status(), socket(), all)
	case "note('members', Echo.connector.pusher.channel('presence-online').members)":
		p.called("members", p.members(c.Find("presence-online"), strings.Contains(p.st.j.Title, "hash is a JSON list")))
	case "note('subscriptionCount', Echo.connector.pusher.channel('portal').subscriptionCount)":
		p.called("subscriptionCount", c.Find("portal").SubscriptionCount())
	case "window.dispatchEvent(new Event('online'))":
		c.Online()
	case "window.dispatchEvent(new Event('offline'))":
		c.Offline()
	case "for (let i = 1; i <= 10; i++) Echo.private('c.' + i).subscribed(rec('subscribed ' + i))":
		for i := range 10 {
			n := strconv.Itoa(i + 1)
			c.Private("c." + n).OnSubscribed(func() { p.called("subscribed " + n) })
		}
	case `for (const n of ['X', '.X', '\\X', 'A.B', '.A.B', '\\A.B', 'A\\B', '..X', '.', '', '.App\\Events\\X', '\\App\\Events\\X']) { note('format ' + JSON.stringify(n), ch.eventFormatter.format(n)); ch.listen(n, rec('listen ' + JSON.stringify(n))) }`:
		for _, n := range []string{"X", ".X", `\X`, "A.B", ".A.B", `\A.B`, `A\B`, "..X", ".", "", `.App\Events\X`, `\App\Events\X`} {
			quoted, _ := json.Marshal(n)
			p.called("format "+string(quoted), p.opt.EventName(n))
			p.method(p.vars["ch"], "listen", []any{n, fn("listen " + string(quoted))})
		}
	case "try { Echo.channel('portal').whisper('x', {}) } catch (e) { note('public whisper', e) }":
		c.Channel("portal") // Echo's public channels have no whisper
		p.called("public whisper", raw(`{"error":"TypeError","message":"Echo.channel(...).whisper is not a function"}`))
	case "note('returned', Echo.connector.pusher.channel('private-client.5').trigger('client-x', { n: 1 }))",
		"note('returned', Echo.connector.pusher.channel('private-client.5').trigger('client-x', { n: 2 }))":
		sent, _ := c.Find("private-client.5").Whisper("x", []byte(regexp.MustCompile(`\d`).FindString(line[len(line)-6:])))
		p.called("returned", sent)
		require.False(p.t, sent)
	default:
		for _, statement := range strings.Split(line, "; ") {
			p.statement(statement)
		}
	}
}

var (
	assignment = regexp.MustCompile(`^(\w+) = (.*)$`)
	call       = regexp.MustCompile(`^\.(\w+)(?:\(((?:[^()']|'[^']*'|rec\('[^']*'\)|\.repeat\(60\))*)\))?`)
	argument   = regexp.MustCompile(`^\s*(?:rec\('([^']*)'\)|'((?:[^'\\]|\\.)*)'|(\{.*\}|-?\d+|null)|(\w+))\s*(?:,|$)`)
)

// statement is a chain of calls, perhaps kept in a variable.
func (p *page) statement(s string) {
	target := ""
	if m := assignment.FindStringSubmatch(s); m != nil {
		target, s = m[1], m[2]
	}
	if strings.HasPrefix(s, "rec(") {
		p.vars[target] = p.arguments(s)[0]
		return
	}
	name := regexp.MustCompile(`^\w+`).FindString(s)
	var value any = p.vars[name]
	if name == "Echo" {
		value = p.c
	}
	require.NotNil(p.t, value, s)
	for rest := s[len(name):]; rest != ""; {
		m := call.FindStringSubmatch(rest)
		require.NotNil(p.t, m, "cannot read %q in %q", rest, s)
		value = p.method(value, m[1], p.arguments(m[2]))
		rest = rest[len(m[0]):]
	}
	if target != "" {
		p.vars[target] = value
	}
}

func (p *page) arguments(s string) (out []any) {
	s = strings.ReplaceAll(s, "'a'.repeat(60)", "'"+strings.Repeat("a", 60)+"'")
	for strings.TrimSpace(s) != "" {
		m := argument.FindStringSubmatch(s)
		require.NotNil(p.t, m, "cannot read the arguments %q", s)
		switch {
		case m[1] != "":
			out = append(out, fn(m[1]))
		case m[3] != "":
			js := strings.ReplaceAll(m[3], "'", `"`)
			js = regexp.MustCompile(`([{,]\s*)(\w+):`).ReplaceAllString(js, `$1"$2":`)
			var b strings.Builder
			var compact json.RawMessage = []byte(js)
			v, err := json.Marshal(compact)
			require.NoError(p.t, err, js)
			b.Write(v)
			out = append(out, raw(b.String()))
		case m[4] != "":
			out = append(out, p.vars[m[4]])
		default:
			out = append(out, m[2])
		}
		s = s[len(m[0]):]
	}
	return out
}

// data is an event's, as an argument.
func data(e *echo.Event) raw { return raw(e.Data()) }

func (p *page) method(on any, name string, args []any) any {
	str := func(i int) string {
		s, ok := args[i].(string)
		require.True(p.t, ok, "%s: %v", name, args)
		return s
	}
	c := p.c
	if _, ok := on.(*echo.Client); ok {
		switch name {
		case "connector", "pusher":
			return c
		case "user":
			return c.User()
		case "channel":
			if ch := c.Find(str(0)); ch != nil {
				return ch
			}
			return c.Channel(str(0))
		case "private":
			return c.Private(str(0))
		case "encryptedPrivate":
			if ch := c.EncryptedPrivate(str(0)); ch != nil {
				return ch
			}
			return struct{}{}
		case "join":
			return c.Join(str(0))
		case "subscribe":
			return c.Subscribe(str(0))
		case "leave":
			c.Leave(str(0))
		case "leaveChannel":
			c.LeaveChannel(str(0))
		case "leaveAllChannels":
			c.LeaveAll()
		case "disconnect":
			c.Disconnect()
		case "connect":
			c.Connect()
		case "signin":
			c.SignIn()
		case "onConnectionChange":
			return c.OnConnectionChange(func(status string) { p.called(string(args[0].(fn)), status) })
		case "bind_global":
			c.BindGlobal(func(e *echo.Event) { p.called(string(args[0].(fn)), e.Name, data(e)) })
		default:
			require.FailNow(p.t, "Echo has no "+name)
		}
		return c
	}
	if u, ok := on.(*echo.User); ok {
		u.Bind(str(0), func(e *echo.Event) { p.called(string(args[1].(fn)), data(e)) })
		return u
	}
	ch, ok := on.(*echo.Channel)
	if !ok {
		return on // what EncryptedPrivate threw
	}
	rec := func(i int) string { return string(args[i].(fn)) }
	heard := func(as string) func(e *echo.Event) {
		return func(e *echo.Event) {
			switch {
			case strings.HasPrefix(ch.Name(), "private-encrypted-"), e.Name == "pusher:subscription_count", strings.HasPrefix(e.Name, "pusher_internal:"):
				p.called(as, data(e))
			case e.UserID != "":
				p.called(as, data(e), map[string]string{"user_id": e.UserID})
			default:
				p.called(as, data(e), map[string]string{})
			}
		}
	}
	switch name {
	case "listen":
		p.unbind[str(0)+rec(1)] = ch.Bind(p.opt.EventName(str(0)), heard(rec(1)))
	case "bind":
		ch.Bind(str(0), heard(rec(1)))
	case "listenForWhisper":
		ch.ListenForWhisper(str(0), heard(rec(1)))
	case "notification":
		ch.Notification(heard(rec(0)))
	case "listenToAll":
		ch.ListenToAll(func(name string, e *echo.Event) { p.called(rec(0), name, data(e)) })
	case "stopListening":
		if len(args) == 2 {
			p.unbind[str(0)+rec(1)]()
			break
		}
		ch.StopListening(str(0))
	case "stopListeningForWhisper":
		ch.StopListeningForWhisper(str(0))
	case "stopListeningForNotification":
		ch.StopListeningForNotification()
	case "stopListeningToAll":
		if len(args) == 0 { // with a callback it has no effect
			ch.StopListeningToAll()
		}
	case "subscribed":
		ch.OnSubscribed(func() { p.called(rec(0)) })
	case "error":
		ch.OnError(func(q *echo.Problem) { p.called(rec(0), problem(q)) })
	case "here":
		ch.Here(func(all []echo.Member) {
			infos := []json.RawMessage{}
			for _, m := range all {
				infos = append(infos, slices.Concat(m.Info))
			}
			p.called(rec(0), infos)
		})
	case "joining":
		ch.Joining(func(m echo.Member) { p.called(rec(0), raw(m.Info)) })
	case "leaving":
		ch.Leaving(func(m echo.Member) { p.called(rec(0), raw(m.Info)) })
	case "whisper":
		var payload []byte
		if len(args) > 1 {
			switch v := args[1].(type) {
			case raw:
				payload = []byte(v)
			case string:
				payload, _ = json.Marshal(v)
			}
		}
		if _, err := ch.Whisper(str(0), payload); err != nil {
			p.called("threw", "Error: "+err.Error())
		}
	default:
		require.FailNow(p.t, "a channel has no "+name)
	}
	return ch
}

func ms(v any) time.Duration {
	n, _ := v.(float64)
	return time.Duration(n * float64(time.Millisecond))
}
