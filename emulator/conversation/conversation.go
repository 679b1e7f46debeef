package conversation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"
)

// Conversation is one file: a server's settings and what is said to it and by it, in order.
type Conversation struct {
	Name   string            `json:"-"` // the file's name without .json
	Title  string            `json:"title"`
	Server map[string]string `json:"server"` // settings that differ from Reverb's defaults, by environment variable
	Source string            `json:"source"`
	Quirk  string            `json:"quirk"`  // what Reverb does here that a clean server may do otherwise
	Defect bool              `json:"defect"` // a quirk that is not copied
	Slow   bool              `json:"slow"`   // takes minutes
	Notes  []string          `json:"notes"`
	Steps  []Step            `json:"steps"`
}

// Step is one act or one expectation. Exactly one of the rows of steps applies to it.
type Step struct {
	Client string `json:"client"`

	Connect       *Connect        `json:"connect"`
	Send          json.RawMessage `json:"send"`   // a string is sent as it stands, anything else as JSON
	Binary        bool            `json:"binary"` // beside Send
	Mask          *bool           `json:"mask"`   // beside Send; absent is true
	SendFragments []string        `json:"send_fragments"`
	SendBase64    *string         `json:"send_base64"`
	Ping          *string         `json:"ping"`
	Close         *CloseFrame     `json:"close"`
	Abort         bool            `json:"abort"`
	HTTP          *Request        `json:"http"`
	ExpectHTTP    *Response       `json:"expect_http"` // beside HTTP
	Server        string          `json:"server"`      // "stop"
	WaitMS        int             `json:"wait_ms"`

	Expect          []Frame     `json:"expect"`
	ExpectPong      *string     `json:"expect_pong"`
	ExpectNoneForMS int         `json:"expect_none_for_ms"`
	ExpectClose     *CloseFrame `json:"expect_close"`
	ExpectRefused   *Refusal    `json:"expect_refused"`

	WithinMS int `json:"within_ms"` // how long an expectation may take; 0 is two seconds

	// Unordered marks expectations of several clients that follow from one act. It needs nothing from the player:
	// each client's frames wait in that client's own queue, so their order between clients is never looked at.
	Unordered bool `json:"unordered"`
}

// Connect opens a WebSocket.
type Connect struct {
	Path    string            `json:"path"` // with query
	Headers map[string]string `json:"headers"`
}

// CloseFrame is what a close frame carries. As an expectation, code 1006 is a TCP connection that ended without one.
type CloseFrame struct {
	Code   int    `json:"code"`
	Reason string `json:"reason"`
}

// Frame is one message from the server. Data and Text repeat Frame in other forms for the reader; Frame alone is
// compared.
type Frame struct {
	Frame json.RawMessage `json:"frame"`
	Data  json.RawMessage `json:"data"`
	Text  string          `json:"text"`
}

// Refusal is the answer to an upgrade that isn't granted.
type Refusal struct {
	Status int `json:"status"`
}

// Request is a call of the HTTP API.
type Request struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"` // without query
	Query   map[string]string `json:"query"`
	Body    json.RawMessage   `json:"body"` // a string is sent as it stands, anything else as JSON
	Headers map[string]string `json:"headers"`
	Sign    Signing           `json:"sign"`
	Raw     string            `json:"raw"` // bytes for a bare TCP connection, in place of all of the above
}

// Response is what a Request has to be answered with. Of JSON and Text at most one is given; neither means any body.
type Response struct {
	Status      int             `json:"status"`
	ContentType string          `json:"content_type"` // media type; empty: any will do
	Allow       string          `json:"allow"`
	JSON        json.RawMessage `json:"json"`
	Text        *string         `json:"text"`
}

// Load reads every *.json file at the root of fsys, in the order of their names. A key that this player doesn't
// know, a setting it can't translate or a step that says two things is an error: a file must not look played
// while part of it was passed over.
func Load(fsys fs.FS) ([]Conversation, error) {
	names, err := fs.Glob(fsys, "*.json")
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	conversations := make([]Conversation, 0, len(names))
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		c, err := parse(name, text)
		if err != nil {
			return nil, err
		}
		conversations = append(conversations, c)
	}
	return conversations, nil
}

func parse(name string, text []byte) (Conversation, error) {
	c := Conversation{Name: strings.TrimSuffix(path.Base(name), ".json")}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		return c, fmt.Errorf("%s: %w", name, err)
	}
	for setting := range c.Server {
		if _, known := settings[setting]; !known {
			return c, fmt.Errorf("%s: server: %s is not a setting of an application; known are %s",
				name, setting, strings.Join(knownSettings(), ", "))
		}
	}
	if _, err := c.app(); err != nil {
		return c, fmt.Errorf("%s: server: %w", name, err)
	}
	for i, s := range c.Steps {
		var says []string
		for _, k := range kinds {
			if k.applies(s) {
				says = append(says, k.name)
			}
		}
		if len(says) != 1 {
			return c, fmt.Errorf("%s: step %d says %d things (%s); a step says one", name, i+1, len(says), strings.Join(says, ", "))
		}
	}
	return c, nil
}
