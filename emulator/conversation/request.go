package conversation

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Signing says how a request is signed: as Pusher's HTTP API asks (the zero value with Signed set), not at all, or
// with one thing wrong.
type Signing struct {
	Signed      bool
	WrongSecret bool

	TimestampOffset int64             // seconds
	AuthKey         string            // in place of the application's
	AuthVersion     string            // in place of 1.0
	Omit            []string          // parameters left out before signing
	Path            string            // signed in place of the real one
	Body            *string           // signed in place of the real one
	ThenQuery       map[string]string // added or replaced after signing
}

// UnmarshalJSON reads true, false, "wrong" or an object that departs from true in one thing.
func (s *Signing) UnmarshalJSON(text []byte) error {
	switch string(text) {
	case "true":
		*s = Signing{Signed: true}
		return nil
	case "false", "null":
		*s = Signing{}
		return nil
	case `"wrong"`:
		*s = Signing{Signed: true, WrongSecret: true}
		return nil
	}
	var departure struct {
		TimestampOffset int64             `json:"timestamp_offset"`
		AuthKey         string            `json:"auth_key"`
		AuthVersion     string            `json:"auth_version"`
		Omit            []string          `json:"omit"`
		Path            string            `json:"path"`
		Body            *string           `json:"body"`
		ThenQuery       map[string]string `json:"then_query"`
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&departure); err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	*s = Signing{
		Signed:          true,
		TimestampOffset: departure.TimestampOffset,
		AuthKey:         departure.AuthKey,
		AuthVersion:     departure.AuthVersion,
		Omit:            departure.Omit,
		Path:            departure.Path,
		Body:            departure.Body,
		ThenQuery:       departure.ThenQuery,
	}
	return nil
}

// answer is what an HTTP request came back with.
type answer struct {
	status      int
	contentType string
	allow       string
	body        []byte
}

func (a answer) String() string {
	return fmt.Sprintf("%d %s %q", a.status, a.contentType, shorten(string(a.body)))
}

// call sends a request. Every call has a connection of its own: Reverb ends it after each answer.
func (n names) call(ctx context.Context, base string, r Request) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, requestPatience)
	defer cancel()
	if r.Raw != "" {
		return callRaw(ctx, base, r.Raw)
	}
	path, err := n.complete(r.Path)
	if err != nil {
		return answer{}, err
	}
	body, err := n.payload(r.Body)
	if err != nil {
		return answer{}, err
	}
	query := url.Values{}
	for key, value := range r.Query {
		if value, err = n.complete(value); err != nil {
			return answer{}, err
		}
		query.Set(key, value)
	}
	if r.Sign.Signed {
		if query, err = n.signed(r, path, query, body); err != nil {
			return answer{}, err
		}
	}
	target := base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, target, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Close = true
	if len(body) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	for key, value := range r.Headers {
		request.Header.Set(key, value)
	}
	response, err := caller.Do(request)
	if err != nil {
		return answer{}, err
	}
	return read(response)
}

// caller follows no redirects: what the server says is what is compared.
var caller = &http.Client{
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Transport:     &http.Transport{DisableKeepAlives: true},
}

func callRaw(ctx context.Context, base, text string) (answer, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = conn.Close() }()
	if deadline, set := ctx.Deadline(); set {
		if err := conn.SetDeadline(deadline); err != nil {
			return answer{}, err
		}
	}
	if _, err := io.WriteString(conn, text); err != nil {
		return answer{}, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return answer{}, err
	}
	return read(response)
}

func read(response *http.Response) (answer, error) {
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return answer{
		status:      response.StatusCode,
		contentType: response.Header.Get("Content-Type"),
		allow:       strings.Join(response.Header.Values("Allow"), ", "),
		body:        body,
	}, err
}

// payload turns a JSON value of a file into what goes over the wire: a string as it stands, anything else as JSON
// with the file's own order of keys.
func (n names) payload(value json.RawMessage) ([]byte, error) {
	if len(value) == 0 {
		return nil, nil
	}
	if value[0] == '"' {
		var text string
		if err := json.Unmarshal(value, &text); err != nil {
			return nil, err
		}
		text, err := n.complete(text)
		return []byte(text), err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, value); err != nil {
		return nil, err
	}
	text, err := n.complete(compact.String())
	return []byte(text), err
}

// signed adds the auth parameters (Pusher docs: HTTP API, Authentication) and then the file's departures from them.
func (n names) signed(r Request, path string, query url.Values, body []byte) (url.Values, error) {
	s := r.Sign
	secret := n.secret
	if s.WrongSecret {
		secret = "wrong-" + secret
	}
	if s.Path != "" {
		var err error
		if path, err = n.complete(s.Path); err != nil {
			return nil, err
		}
	}
	if s.Body != nil {
		text, err := n.complete(*s.Body)
		if err != nil {
			return nil, err
		}
		body = []byte(text)
	}
	query.Set("auth_key", first(s.AuthKey, n.key))
	query.Set("auth_timestamp", strconv.FormatInt(time.Now().Unix()+s.TimestampOffset, 10))
	query.Set("auth_version", first(s.AuthVersion, "1.0"))
	if len(body) > 0 {
		sum := md5.Sum(body)
		query.Set("body_md5", hex.EncodeToString(sum[:]))
	}
	for _, name := range s.Omit {
		query.Del(name)
	}
	pairs := make([]string, 0, len(query))
	for name := range query {
		pairs = append(pairs, name)
	}
	slices.Sort(pairs)
	for i, name := range pairs {
		pairs[i] = name + "=" + query.Get(name)
	}
	query.Set("auth_signature", sign(secret, r.Method+"\n"+path+"\n"+strings.Join(pairs, "&")))
	for name, value := range s.ThenQuery {
		query.Set(name, value)
	}
	return query, nil
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// differs compares an answer with what is expected of it; "" means it fits.
func (n names) differs(want Response, got answer) (string, error) {
	if got.status != want.Status {
		return fmt.Sprintf("status %d", want.Status), nil
	}
	if want.ContentType != "" {
		media, _, err := mime.ParseMediaType(got.contentType)
		if err != nil || media != want.ContentType {
			return "content type " + want.ContentType, nil
		}
	}
	if want.Allow != "" && !slices.Equal(list(want.Allow), list(got.allow)) {
		return fmt.Sprintf("Allow: %s (it was %q)", want.Allow, got.allow), nil
	}
	if want.Text != nil {
		text, err := n.complete(*want.Text)
		if err != nil || text == string(got.body) {
			return "", err
		}
		return fmt.Sprintf("the body %q", text), nil
	}
	if len(want.JSON) > 0 {
		text, err := n.complete(string(want.JSON))
		if err != nil {
			return "", err
		}
		return jsonDiffers([]byte(text), got.body, map[string]string{})
	}
	return "", nil
}

func jsonDiffers(want, got []byte, sockets map[string]string) (string, error) {
	expected, err := decode(want)
	if err != nil {
		return "", fmt.Errorf("the file's own JSON: %w", err)
	}
	value, err := decode(got)
	if err != nil {
		return fmt.Sprintf("JSON like %s (%v)", shorten(string(want)), err), nil
	}
	return difference("", expected, value, sockets), nil
}

func list(header string) []string {
	items := strings.Split(header, ",")
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	slices.Sort(items)
	return items
}
