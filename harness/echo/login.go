package echo

import (
	"context"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Login is how a user gets into the application, before Echo is made.
type Login struct {
	// Page is fetched first where given: a login page with a CSRF token in a meta element or a hidden _token, or
	// /sanctum/csrf-cookie.
	Page string
	// Post is where the credentials go; Method is POST when "".
	Post, Method string
	// Form is sent as a form, with _token before it where the page had one; or JSON is sent as it is.
	Form []Header
	JSON []byte
	// Headers are sent with each request, besides the tokens.
	Headers []Header
	// Status is the one that must come; 0: any below 400.
	Status int
	// Token names the member of a JSON answer that is the bearer token from now on, such as token or data.token; "" for none.
	Token string
	// After is fetched at last where given: the page on which Echo runs, for its CSRF token.
	After string
}

// LoginError says which step of a login went wrong and how.
type LoginError struct {
	// Step is what was done, such as "log in at /login"; Status what was answered, 0 for nothing.
	Step   string
	Status int
	Why    string
}

func (e *LoginError) Error() string { return e.Step + ": " + e.Why }

// A page's elements and their attributes, in whichever order these stand.
var (
	metaTag   = regexp.MustCompile(`(?i)<meta\s[^>]*>`)
	inputTag  = regexp.MustCompile(`(?i)<input\s[^>]*>`)
	nameOf    = regexp.MustCompile(`(?i)\sname=["']?([^"'\s>]+)`)
	valueOf   = regexp.MustCompile(`(?i)\svalue=["']?([^"'\s>]+)`)
	contentOf = regexp.MustCompile(`(?i)\scontent=["']?([^"'\s>]+)`)
)

// Login logs the session's user in and returns what the credentials were answered with; an error is a *LoginError. What
// the last page says in its meta element is the CSRF token from then on: the one of a login page is no longer valid.
func (s *Session) Login(ctx context.Context, l Login) (*Response, error) {
	hidden := ""
	own := s.ownCSRF()
	if l.Page != "" {
		res, err := s.visit(ctx, l.Page, l.Headers)
		if err != nil {
			return nil, err
		}
		if hidden = html.UnescapeString(hiddenToken(res.Body)); hidden == "" {
			hidden = s.CSRF()
		}
	}
	r := Request{Method: orElse(l.Method, "POST"), URL: l.Post, Headers: slices.Clone(l.Headers)}
	switch {
	case l.JSON != nil:
		r.Type, r.Body = "application/json", l.JSON
		r.Headers = withHeader(r.Headers, Header{"Accept", "application/json"})
	case len(l.Form) > 0 || hidden != "":
		if hidden == "" {
			hidden = s.CSRF()
		}
		form := ""
		if hidden != "" && !slices.ContainsFunc(l.Form, func(f Header) bool { return f.Name == "_token" }) {
			form = "_token=" + url.QueryEscape(hidden)
		}
		for _, f := range l.Form {
			form += "&" + url.QueryEscape(f.Name) + "=" + url.QueryEscape(f.Value)
		}
		r.Type, r.Body = "application/x-www-form-urlencoded", []byte(strings.TrimPrefix(form, "&"))
	}
	if token := s.CSRF(); token != "" && s.atHome(l.Post) {
		r.Headers = withHeader(r.Headers, Header{"X-CSRF-TOKEN", token})
	}
	for _, h := range s.XSRF(l.Post) {
		r.Headers = withHeader(r.Headers, h)
	}
	step := "log in at " + l.Post
	res, err := s.Fetch(ctx, r)
	switch {
	case err != nil:
		return nil, &LoginError{Step: step, Why: err.Error()}
	case res.Redirected && r.Method != "GET" && (samePage(s.e, res.URL, l.Page) || samePage(s.e, res.URL, l.Post)):
		return res, &LoginError{step, res.Status, "it led back to the login page, as wrong credentials do: " + beginning(res.Body)}
	case l.Status == 0 && res.Status >= 400, l.Status != 0 && res.Status != l.Status:
		at := ""
		if res.Redirected {
			at = " at " + res.URL
		}
		return res, &LoginError{step, res.Status, fmt.Sprintf("status %d%s: %s", res.Status, at, beginning(res.Body))}
	}
	s.SetCSRF(own)
	s.keepMeta(res.Body)
	if l.Token != "" {
		value := res.Body
		for part := range strings.SplitSeq(l.Token, ".") {
			if !valid(value) {
				value = nil
			}
			value = field(value, part)
		}
		token := text(value)
		if token == "" {
			return res, &LoginError{step, res.Status, "the answer has no " + l.Token + ": " + beginning(res.Body)}
		}
		s.SetBearer(token)
	}
	if l.After != "" {
		_, err = s.visit(ctx, l.After, l.Headers)
	}
	return res, err
}

// withHeader adds a header that is not there yet.
func withHeader(all []Header, h Header) []Header {
	if slices.ContainsFunc(all, func(o Header) bool { return strings.EqualFold(o.Name, h.Name) }) {
		return all
	}
	return append(all, h)
}

// beginning is the first words of an answer, on one line.
func beginning(body []byte) string {
	return strings.ToValidUTF8(fmt.Sprintf("%.200s", strings.Join(strings.Fields(string(body[:min(len(body), 2000)])), " ")), "")
}

// samePage tells whether an address is a page's, whatever stands behind it as a query.
func samePage(e *Endpoint, address, page string) bool {
	if page == "" {
		return false
	}
	a, err := e.resolve(address)
	if err != nil {
		return false
	}
	b, err := e.resolve(page)
	return err == nil && a.Scheme == b.Scheme && a.Host == b.Host && a.Path == b.Path
}

// visit fetches a page and keeps the CSRF token of its meta element.
func (s *Session) visit(ctx context.Context, address string, headers []Header) (*Response, error) {
	headers = slices.DeleteFunc(slices.Clone(headers), func(h Header) bool { return strings.EqualFold(h.Name, "Accept") })
	headers = append(headers, Header{"Accept", "text/html,application/xhtml+xml,*/*;q=0.8"})
	res, err := s.Fetch(ctx, Request{Method: "GET", URL: address, Headers: headers})
	if err != nil {
		return nil, &LoginError{Step: "fetch " + address, Why: err.Error()}
	}
	if res.Status >= 400 {
		return nil, &LoginError{"fetch " + address, res.Status, fmt.Sprintf("status %d: %s", res.Status, beginning(res.Body))}
	}
	s.keepMeta(res.Body)
	return res, nil
}

// keepMeta keeps the CSRF token of a page's meta element, where there is one.
func (s *Session) keepMeta(page []byte) {
	for _, tag := range metaTag.FindAll(page, -1) {
		if name := nameOf.FindSubmatch(tag); name == nil || string(name[1]) != "csrf-token" {
			continue
		}
		if m := contentOf.FindSubmatch(tag); m != nil {
			s.SetCSRF(html.UnescapeString(string(m[1])))
			return
		}
	}
}

// hiddenToken is the _token of a page's form, "" for none.
func hiddenToken(page []byte) string {
	for _, tag := range inputTag.FindAll(page, -1) {
		if name := nameOf.FindSubmatch(tag); name == nil || string(name[1]) != "_token" {
			continue
		}
		if m := valueOf.FindSubmatch(tag); m != nil {
			return string(m[1])
		}
	}
	return ""
}

// atHome tells whether an address is of the page's own origin, to which cookies and tokens go.
func (s *Session) atHome(address string) bool {
	page, err := url.Parse(s.e.Page)
	if err != nil {
		return false
	}
	at, err := s.e.resolve(address)
	return err == nil && at.Scheme == page.Scheme && at.Host == page.Host
}

// XSRF is the header that axios makes of Laravel's cookie XSRF-TOKEN for a request to the page's own origin: one or none.
func (s *Session) XSRF(address string) []Header {
	if !s.atHome(address) {
		return nil
	}
	at, err := s.e.resolve(address)
	if err != nil {
		return nil
	}
	for part := range strings.SplitSeq(s.cookies(at), "; ") {
		if value, found := strings.CutPrefix(part, "XSRF-TOKEN="); found {
			if plain, err := url.PathUnescape(value); err == nil { // decodeURIComponent: a plus stays one
				return []Header{{"X-XSRF-TOKEN", plain}}
			}
		}
	}
	return nil
}
