package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	page := u.Scheme + "://" + u.Host
	c.Origin = page
	user := auth.UserEndpoint
	if user == "" {
		user = strings.TrimSuffix(auth.Endpoint, "/auth") + "/user-auth"
	}
	return &echo.Endpoint{Page: page + "/", Auth: auth.Endpoint, UserAuth: user, TLS: r.opt.TLS}, nil
}

// base is where http steps go.
func (r *run) base() string {
	switch {
	case r.opt.Application != "":
		return strings.TrimSuffix(r.opt.Application, "/")
	case r.scenario.Target.App != "":
		return strings.TrimSuffix(r.scenario.Target.App, "/")
	}
	return r.target.base.String()
}

// logIn makes the user's session with the application, where there is one.
func (u *User) logIn(ctx context.Context) error {
	auth := u.run.scenario.Target.Auth
	if u.session != nil {
		return nil
	}
	e := u.run.endpoint
	if e == nil {
		e = &echo.Endpoint{Page: u.run.base() + "/", TLS: u.run.opt.TLS}
	}
	u.session = e.Session()
	env := u.env()
	bearer, err := auth.BearerToken.Eval(env)
	if err != nil {
		return err
	}
	if bearer != "" {
		u.session.SetBearer(bearer)
	}
	csrf, err := auth.CSRFToken.Eval(env)
	if err != nil {
		return err
	}
	if csrf != "" {
		u.session.SetCSRF(csrf)
	}
	for name, text := range auth.Cookies {
		value, err := text.Eval(env)
		if err != nil {
			return err
		}
		if err := u.session.SetCookies(&http.Cookie{Name: name, Value: value, Path: "/"}); err != nil {
			return failed("login", "%v", err)
		}
	}
	for name, text := range auth.Headers {
		value, err := text.Eval(env)
		if err != nil {
			return err
		}
		u.session.SetHeader(name, value)
	}
	if auth.Login == nil {
		return nil
	}
	began := time.Now()
	res, err := u.request(ctx, auth.Login)
	status := "none"
	if err == nil {
		status = strconv.Itoa(res.Status)
	}
	u.rec.Duration(u.run.registry.Series(AuthLatency, Tag{"scenario", u.group.Name}, Tag{"kind", "login"}, Tag{"status", status}), time.Since(began))
	if err != nil {
		return failed("login", "%v", err)
	}
	if err := auth.Login.accepts(res); err != nil {
		return failed("login", "%v", err)
	}
	if err := u.save(auth.Login.Save, res); err != nil {
		return failed("login", "%v", err)
	}
	if token, ok := u.vars["token"].(string); ok && bearer == "" {
		u.session.SetBearer(token)
	}
	return nil
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
	for name, text := range q.Headers {
		value, err := text.Eval(env)
		if err != nil {
			return nil, err
		}
		req.Headers = append(req.Headers, echo.Header{Name: name, Value: value})
	}
	if u.atHome(address) {
		for _, h := range u.session.Headers() {
			if !slices.ContainsFunc(req.Headers, func(o echo.Header) bool { return strings.EqualFold(o.Name, h.Name) }) {
				req.Headers = append(req.Headers, h)
			}
		}
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
