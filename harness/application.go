package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"echolab/harness/echo"
)

// newEndpoint is the application that authorises, as the scenario says.
func (r *run) newEndpoint(auth AuthOptions, c *echo.Options) (*echo.Endpoint, error) {
	u, err := url.Parse(auth.Endpoint)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("target.auth.endpoint: %q is no address; write it as https://staging.test/broadcasting/auth", auth.Endpoint)
	}
	page := originOf(auth.Endpoint)
	c.Origin = page
	user := auth.UserEndpoint
	if user == "" {
		user = strings.TrimSuffix(auth.Endpoint, "/auth") + "/user-auth"
	}
	return &echo.Endpoint{Page: page + "/", Auth: auth.Endpoint, UserAuth: user, TLS: r.opt.TLS, XSRF: true}, nil
}

// originOf is the origin of the page behind an auth endpoint, "" without one.
func originOf(endpoint string) string {
	if u, err := url.Parse(endpoint); err == nil && u.Host != "" {
		return u.Scheme + "://" + u.Host
	}
	return ""
}

// base is where http steps and logins go.
func (r *run) base() string {
	switch {
	case r.opt.Application != "":
		return strings.TrimSuffix(r.opt.Application, "/")
	case r.scenario.Target.App != "":
		return strings.TrimSuffix(r.scenario.Target.App, "/")
	case r.endpoint != nil:
		return strings.TrimSuffix(r.endpoint.Page, "/")
	}
	return r.target.base.String()
}

// logIn makes the user's session with the application, where there is none, and logs the user in where the scenario says
// how. Who could not be logged in has no session, and tries again with the next step that needs one.
func (u *User) logIn(ctx context.Context) error {
	if u.session != nil {
		return nil
	}
	s, err := u.newSession()
	if err != nil {
		return err
	}
	if login := u.run.scenario.Target.Auth.Login; login != nil {
		if err := login.do(ctx, u, s); err != nil {
			return err
		}
	}
	u.session = s
	return nil
}

// newSession is a session with what the scenario gives each user from the start.
func (u *User) newSession() (*echo.Session, error) {
	auth := u.run.scenario.Target.Auth
	e := u.run.endpoint
	if e == nil {
		e = &echo.Endpoint{Page: u.run.base() + "/", TLS: u.run.opt.TLS}
	}
	s := e.Session()
	env := u.env()
	bearer, err := auth.BearerToken.Eval(env)
	if err != nil {
		return nil, err
	}
	s.SetBearer(bearer)
	csrf, err := auth.CSRFToken.Eval(env)
	if err != nil {
		return nil, err
	}
	s.SetCSRF(csrf)
	for name, text := range auth.Cookies {
		value, err := text.Eval(env)
		if err != nil {
			return nil, err
		}
		if err := s.SetCookies(&http.Cookie{Name: name, Value: value, Path: "/"}); err != nil {
			return nil, failed("login", "%v", err)
		}
	}
	for name, text := range auth.Headers {
		value, err := text.Eval(env)
		if err != nil {
			return nil, err
		}
		s.SetHeader(name, value)
	}
	return s, nil
}

// do logs a user's session in. Its whole length is login_latency: the page, the credentials, and the page after them.
func (l *Login) do(ctx context.Context, u *User, s *echo.Session) error {
	form, err := l.of(u, s)
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, orDefault(l.Timeout, orDefault(u.run.scenario.Target.Auth.Timeout, 30*time.Second)))
	defer cancel()
	began := time.Now()
	res, err := s.Login(within, form)
	status := "none"
	wrong, _ := errors.AsType[*echo.LoginError](err)
	switch {
	case wrong != nil && wrong.Status > 0:
		status = strconv.Itoa(wrong.Status)
	case wrong == nil && res != nil:
		status = strconv.Itoa(res.Status)
	}
	u.rec.Duration(u.run.registry.Series(LoginLatency, Tag{"scenario", u.group.Name}, Tag{"status", status}), time.Since(began))
	u.now()
	switch {
	case ctx.Err() != nil:
		return errStopped
	case err != nil && status == "none":
		return failed("login", "%v", err)
	case err != nil:
		return failed("login "+status, "%v%s", err, l.advice(wrong.Status))
	}
	if err := u.save(l.Save, res); err != nil {
		return failed("login", "%v", err)
	}
	if token, ok := u.vars["token"].(string); ok && s.Bearer() == "" {
		s.SetBearer(token)
	}
	return nil
}

// advice is what to try after a status.
func (l *Login) advice(status int) string {
	if status == 419 && l.Page.IsZero() {
		return "; the application wants a CSRF token: write page: /sanctum/csrf-cookie, or page: with the address of its login form, under login"
	}
	return ""
}

// of is the login with the user's own values in it.
func (l *Login) of(u *User, s *echo.Session) (out echo.Login, err error) {
	env := u.env()
	method, text := l.verb()
	out.Method, out.Status = method, l.Status
	for _, row := range []struct {
		text Text
		into *string
	}{{l.Page, &out.Page}, {text, &out.Post}, {l.After, &out.After}} {
		if *row.into, err = row.text.Eval(env); err != nil {
			return out, err
		}
		if strings.HasPrefix(*row.into, "/") {
			*row.into = u.run.base() + *row.into
		}
	}
	if !l.JSON.IsZero() {
		if out.JSON, err = l.JSON.JSON(env); err != nil {
			return out, err
		}
	}
	if out.Form, err = headersOf(l.Form, env); err != nil {
		return out, err
	}
	if out.Headers, err = headersOf(l.Headers, env); err != nil {
		return out, err
	}
	if u.atHome(out.Post) {
		out.Headers = lacking(out.Headers, s.OwnHeaders())
	}
	out.Headers = lacking(out.Headers, []echo.Header{{Name: "Accept", Value: "application/json"}})
	slices.SortFunc(out.Headers, func(a, b echo.Header) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// headersOf are names with their values, in the order of the names.
func headersOf(texts map[string]Text, env *Env) (all []echo.Header, err error) {
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		value, err := texts[name].Eval(env)
		if err != nil {
			return nil, err
		}
		all = append(all, echo.Header{Name: name, Value: value})
	}
	return all, nil
}

// lacking adds those headers that are not there yet.
func lacking(all, more []echo.Header) []echo.Header {
	for _, h := range more {
		if !slices.ContainsFunc(all, func(o echo.Header) bool { return strings.EqualFold(o.Name, h.Name) }) {
			all = append(all, h)
		}
	}
	return all
}

// verbs are the methods of an http step, by the field that names the address.
func (q *HTTPRequest) verb() (method string, address Text) {
	for _, row := range []struct {
		method string
		text   Text
	}{{"GET", q.Get}, {"POST", q.Post}, {"PUT", q.Put}, {"PATCH", q.Patch}, {"DELETE", q.Delete}} {
		if !row.text.IsZero() {
			return row.method, row.text
		}
	}
	return "", Text{}
}

// request sends a request as the user's page would.
func (u *User) request(ctx context.Context, q *HTTPRequest) (*echo.Response, error) {
	env := u.env()
	method, text := q.verb()
	address, err := text.Eval(env)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(address, "/") {
		address = u.run.base() + address
	}
	req := echo.Request{Method: method, URL: address, Headers: []echo.Header{{Name: "Accept", Value: "application/json"}}}
	switch {
	case !q.JSON.IsZero():
		if req.Body, err = q.JSON.JSON(env); err != nil {
			return nil, err
		}
		req.Type = "application/json"
	case len(q.Form) > 0:
		form := url.Values{}
		for name, text := range q.Form {
			value, err := text.Eval(env)
			if err != nil {
				return nil, err
			}
			form.Set(name, value)
		}
		req.Type, req.Body = "application/x-www-form-urlencoded", []byte(form.Encode())
	}
	own, err := headersOf(q.Headers, env)
	if err != nil {
		return nil, err
	}
	req.Headers = append(req.Headers, own...)
	if u.atHome(address) {
		req.Headers = lacking(req.Headers, u.session.Headers())
		req.Headers = lacking(req.Headers, u.session.XSRF(address))
	}
	if u.isItself(address, req.Headers) {
		req.Headers = append(req.Headers, echo.Header{Name: "X-Echolab-User", Value: u.id})
	}
	slices.SortFunc(req.Headers, func(a, b echo.Header) int { return strings.Compare(a.Name, b.Name) })
	if u.client != nil {
		socket := ""
		u.client.Do(func() { socket = u.client.SocketID() })
		if socket != "" {
			req.Headers = append(req.Headers, echo.Header{Name: "X-Socket-ID", Value: socket})
		}
	}
	ctx, cancel := context.WithTimeout(ctx, orDefault(q.Timeout, 30*time.Second))
	defer cancel()
	return u.session.Fetch(ctx, req)
}

// isItself tells whether a request is the user's by itself: the embedded emulator's application takes anybody's word for who
// asks. What the scenario says about that, by a header, a token, a cookie or a login, comes first.
func (u *User) isItself(address string, headers []echo.Header) bool {
	if !u.run.opt.Embedded || u.group.User.ID.IsZero() || u.session.HasCookies(address) || !sameHost(u.run.target.base.String(), address) {
		return false
	}
	return !slices.ContainsFunc(headers, func(h echo.Header) bool {
		return slices.ContainsFunc([]string{"Authorization", "Cookie", "X-Echolab-User"}, func(name string) bool { return strings.EqualFold(name, h.Name) })
	})
}

// atHome tells whether an address is the application's: the user's tokens go nowhere else.
func (u *User) atHome(address string) bool {
	return sameHost(u.run.base(), address) || sameHost(u.run.scenario.Target.Auth.Endpoint, address)
}

func sameHost(home, address string) bool {
	h, wrong := url.Parse(home)
	at, err := url.Parse(address)
	return wrong == nil && err == nil && h.Host != "" && h.Scheme == at.Scheme && h.Host == at.Host
}

// accepts holds an answer against what the step wants.
func (q *HTTPRequest) accepts(res *echo.Response) error {
	method, address := q.verb()
	switch {
	case q.Status == 0 && res.Status >= 200 && res.Status < 300, q.Status == res.Status:
		return nil
	}
	wanted := "200 to 299"
	if q.Status != 0 {
		wanted = strconv.Itoa(q.Status)
	}
	who := ""
	if res.Status == http.StatusUnauthorized {
		who = "; say who asks: user: {id: 7} of the group is enough for the embedded emulator, another Echolab takes headers: {X-Echolab-User: \"7\"}, an application what target.auth sends"
	}
	return fmt.Errorf("%s %s: status %d, not %s: %s%s", method, address.source, res.Status, wanted, few1(res.Body), who)
}

// save takes variables out of an answer.
func (u *User) save(paths map[string]Text, res *echo.Response) error {
	if len(paths) == 0 {
		return nil
	}
	body := decoded(res.Body)
	env := u.env()
	for name, text := range paths {
		path, err := text.Eval(env)
		if err != nil {
			return err
		}
		value, ok := dig(body, path)
		if !ok {
			return fmt.Errorf("save %s: the answer has no %s: %s", name, path, few1(res.Body))
		}
		if u.vars == nil {
			u.vars = make(map[string]any)
		}
		u.vars[name] = value
	}
	return nil
}

// dig follows a path such as data.items.0.id.
func dig(v any, path string) (any, bool) {
	for part := range strings.SplitSeq(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			next, ok := at[part]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(at) {
				return nil, false
			}
			v = at[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// Run sends a request to the application.
func (s *HTTPStep) Run(ctx context.Context, u *User) error {
	if err := u.logIn(ctx); err != nil {
		return err
	}
	method, address := s.verb()
	name := u.step.Name
	if name == "" {
		name = method + " " + address.source
	}
	due := u.due
	res, err := u.request(ctx, &s.HTTPRequest)
	now := time.Now()
	status := "none"
	if err == nil {
		status = strconv.Itoa(res.Status)
	}
	u.rec.Duration(u.run.registry.Series(HTTPLatency, Tag{"scenario", u.group.Name}, Tag{"status", status}, Tag{"name", name}), now.Sub(due))
	u.now()
	if ctx.Err() != nil {
		return errStopped
	}
	if err != nil {
		return failed("http", "%s: %v", name, bare(err))
	}
	if err := s.accepts(res); err != nil {
		return failed("http "+status, "%v", err)
	}
	if err := u.save(s.Save, res); err != nil {
		return failed("http", "%v", err)
	}
	return nil
}

// decoded is a JSON value; nil where it is none.
func decoded(data []byte) any {
	var v any
	d := json.NewDecoder(bytes.NewReader(data))
	if d.Decode(&v) != nil {
		return nil
	}
	return v
}

// exhausted tells an error of this machine, which has no port, descriptor or memory left, from one of the server.
func exhausted(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
