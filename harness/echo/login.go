package echo

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// Login is how a user gets into the application, before Echo is made.
type Login struct {
	// Page is fetched first where given: a login page with a CSRF token in a meta element or a hidden _token, or
	// /sanctum/csrf-cookie.
	Page string
	// Post is where the credentials go.
	Post string
	// Form is sent as a form, with _token before it where the page had one; or JSON is sent as it is.
	Form []Header
	JSON []byte
	// Token names the member of a JSON answer that is the bearer token from now on, such as token or data.token; "" for none.
	Token string
	// After is fetched at last where given: the page on which Echo runs, for its CSRF token.
	After string
}

var (
	metaToken = regexp.MustCompile(`<meta[^>]+name=["']csrf-token["'][^>]*content=["']([^"']+)["']`)
	formToken = regexp.MustCompile(`<input[^>]+name=["']_token["'][^>]*value=["']([^"']+)["']`)
)

// Login logs the session's user in. An error says which step went wrong and how.
func (s *Session) Login(ctx context.Context, l Login) error {
	hidden := ""
	if l.Page != "" {
		res, err := s.visit(ctx, l.Page)
		if err != nil {
			return err
		}
		if m := formToken.FindSubmatch(res.Body); m != nil {
			hidden = string(m[1])
		}
	}
	r := Request{Method: "POST", URL: l.Post, Type: "application/json", Body: l.JSON, Headers: s.xsrf()}
	if l.JSON == nil {
		form := ""
		if hidden == "" {
			hidden = s.CSRF()
		}
		if hidden != "" {
			form = "_token=" + url.QueryEscape(hidden)
		}
		for _, f := range l.Form {
			form += "&" + url.QueryEscape(f.Name) + "=" + url.QueryEscape(f.Value)
		}
		r.Type, r.Body = "application/x-www-form-urlencoded", []byte(strings.TrimPrefix(form, "&"))
	} else {
		r.Headers = append(r.Headers, Header{"Accept", "application/json"})
	}
	res, err := s.Fetch(ctx, r)
	if err != nil {
		return fmt.Errorf("log in at %s: %w", l.Post, err)
	}
	if res.Status >= 400 {
		return fmt.Errorf("log in at %s: status %d: %.200s", l.Post, res.Status, res.Body)
	}
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
			return fmt.Errorf("log in at %s: the answer has no %s: %.200s", l.Post, l.Token, res.Body)
		}
		s.SetBearer(token)
	}
	if l.After != "" {
		_, err = s.visit(ctx, l.After)
	}
	return err
}

// visit fetches a page and keeps the CSRF token of its meta element.
func (s *Session) visit(ctx context.Context, address string) (*Response, error) {
	res, err := s.Fetch(ctx, Request{Method: "GET", URL: address, Headers: []Header{{"Accept", "text/html,application/xhtml+xml,*/*;q=0.8"}}})
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", address, err)
	}
	if res.Status >= 400 {
		return nil, fmt.Errorf("fetch %s: status %d: %.200s", address, res.Status, res.Body)
	}
	if m := metaToken.FindSubmatch(res.Body); m != nil {
		s.SetCSRF(string(m[1]))
	}
	return res, nil
}

// xsrf is what axios does with Laravel's XSRF-TOKEN cookie.
func (s *Session) xsrf() []Header {
	page, err := url.Parse(s.e.Page)
	if err != nil {
		return nil
	}
	for part := range strings.SplitSeq(s.cookies(page), "; ") {
		if value, found := strings.CutPrefix(part, "XSRF-TOKEN="); found {
			if plain, err := url.QueryUnescape(value); err == nil {
				return []Header{{"X-XSRF-TOKEN", plain}}
			}
		}
	}
	return nil
}
