package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"echolab/app"
	"echolab/app/api"
)

// defaultControl is where a running Echolab answers unless told otherwise.
const defaultControl = "http://127.0.0.1:8089"

// control asks the control API of a running Echolab.
type control struct {
	base, token string
	shown       string // base for people
	named       bool   // by a flag or the environment, rather than by default
}

// controlFlag adds --api.
func controlFlag(cmd *cobra.Command, into *string) {
	cmd.Flags().Var((*word)(into), "api", "the running Echolab's UI (default ECHOLAB_API, else "+defaultControl+")")
}

// control is the running Echolab that --api, ECHOLAB_API or the default names. A token comes from the address that
// serve printed (?token=…), or from ECHOLAB_UI_TOKEN.
func (s *shell) control(flag string) (*control, error) {
	c := &control{base: flag, token: s.env("ECHOLAB_UI_TOKEN")}
	if c.base == "" {
		c.base = s.env("ECHOLAB_API")
	}
	if c.named = c.base != ""; !c.named {
		c.base = defaultControl
	}
	u, err := url.Parse(c.base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, &usageError{fmt.Sprintf("--api %s is no address; write it as %s", app.MaskAddress(c.base), defaultControl)}
	}
	if token := u.Query().Get("token"); token != "" {
		c.token = token
	}
	u.RawQuery, u.Fragment = "", ""
	c.base = strings.TrimRight(u.String(), "/")
	c.shown = app.MaskAddress(c.base)
	return c, nil
}

// env is a variable of the environment; empty when it is not set.
func (s *shell) env(name string) string {
	for _, pair := range s.environ {
		if n, value, _ := strings.Cut(pair, "="); n == name {
			return value
		}
	}
	return ""
}

// ask sends a request and reads the answer into v. A refusal is an *app.Error with the server's words; code app.Away
// says that nobody answered.
func (c *control) ask(ctx context.Context, method, path string, query url.Values, body, v any) error {
	var content io.Reader
	if body != nil {
		var text bytes.Buffer
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false) // a payload goes out as it was written
		if err := enc.Encode(body); err != nil {
			return err
		}
		content = &text
	}
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, content)
	if err != nil {
		return err
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := http.DefaultClient.Do(req)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return &app.Error{Code: app.Away, Err: err, Message: fmt.Sprintf(
			"no Echolab answers at %s; start one with 'echolab serve', or pass --api with the address of its UI", c.shown)}
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", c.shown, err)
	}
	if res.StatusCode == http.StatusOK {
		if err = json.Unmarshal(text, v); err == nil {
			return nil
		}
	}
	var problem api.Problem
	if json.Unmarshal(text, &problem) != nil || problem.Message == "" {
		return &app.Error{Code: app.Refused, Message: fmt.Sprintf("what answers at %s is not the UI of an Echolab (%s); pass --api with the address of its UI", c.shown, res.Status)}
	}
	if problem.Code == "" { // the UI's refusals have one; the emulated application's, as Laravel's, have a message alone
		return &app.Error{Code: app.Refused, Message: fmt.Sprintf("%s is the address of a server, not of its UI: pass --api with the address that 'echolab serve' "+
			"prints for the UI, such as %s", c.shown, defaultControl)}
	}
	if res.StatusCode == http.StatusUnauthorized {
		problem.Message = fmt.Sprintf("the Echolab at %s listens beyond its machine, so it wants its token: set ECHOLAB_UI_TOKEN, "+
			"or pass --api with the address that it printed when it started (it ends in ?token=…)", c.shown)
	}
	return &app.Error{Code: app.Refused, Message: strings.TrimSuffix(problem.Message, ".")}
}

// follow calls each with every entry after a sequence number, whole, until each returns an error or ctx ends. What memory
// has forgotten is read from the database; gone is told how many are not there either.
func (c *control) follow(ctx context.Context, after uint64, each func(*api.Entry) error, gone func(n uint64)) error {
	epoch := ""
	for {
		var feed api.Feed
		err := c.ask(ctx, http.MethodGet, "/api/feed", url.Values{"after": {fmt.Sprint(after)}, "wait": {"15s"}}, nil, &feed)
		if err != nil {
			return err
		}
		if epoch != "" && feed.Epoch != epoch {
			return &app.Error{Code: app.Away, Message: "Echolab was started again; what happened meanwhile was not followed"}
		}
		if epoch = feed.Epoch; feed.Lost > 0 {
			missing, err := c.kept(ctx, after, after+feed.Lost+1, each)
			if err != nil {
				return err
			}
			if missing > 0 {
				gone(missing)
			}
		}
		if err := c.wholeEach(ctx, feed.Entries, each); err != nil {
			return err
		}
		after = feed.Next
	}
}

// kept calls each with what the database has between two sequence numbers and tells how many of those numbers it has not.
func (c *control) kept(ctx context.Context, after, before uint64, each func(*api.Entry) error) (missing uint64, err error) {
	missing = before - after - 1
	for more := true; more; {
		var page api.Entries
		err := c.ask(ctx, http.MethodGet, "/api/events", url.Values{"order": {"oldest"}, "limit": {"500"},
			"after": {fmt.Sprint(after)}, "before": {fmt.Sprint(before)}}, nil, &page)
		if err != nil {
			return missing, err
		}
		if err := c.wholeEach(ctx, page.Entries, each); err != nil {
			return missing, err
		}
		missing -= min(missing, uint64(len(page.Entries)))
		after, more = page.Next, page.More
	}
	return missing, nil
}

// wholeEach calls each with entries that a list may have cut off.
func (c *control) wholeEach(ctx context.Context, entries []api.Entry, each func(*api.Entry) error) error {
	for i := range entries {
		if err := c.whole(ctx, &entries[i]); err != nil {
			return err
		}
		if err := each(&entries[i]); err != nil {
			return err
		}
	}
	return nil
}

// whole gets the rest of a payload that a list has cut off.
func (c *control) whole(ctx context.Context, e *api.Entry) error {
	if !e.Truncated {
		return nil
	}
	e.Truncated = false
	return c.ask(ctx, http.MethodGet, fmt.Sprintf("/api/events/%d", e.Seq), nil, nil, e)
}

// last is the number of the newest entry.
func (c *control) last(ctx context.Context) (uint64, error) {
	var status api.Status
	err := c.ask(ctx, http.MethodGet, "/api/status", nil, nil, &status)
	return status.LastSeq, err
}

// errEnough ends following.
var errEnough = errors.New("enough")

// isAway tells that nobody answered.
func isAway(err error) bool {
	var failure *app.Error
	return errors.As(err, &failure) && failure.Code == app.Away
}
