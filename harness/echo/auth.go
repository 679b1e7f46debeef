package echo

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"

	"echolab/emulator/pusher"
)

// Authorizer lets clients into guarded channels, and users in. Authorize is called on the client's loop and must not block;
// done is called once, from anywhere, also before Authorize returns; the answer is a task of its own on the loop.
type Authorizer interface {
	Authorize(q Question, done func(Answer))
}

// Immediate is an Authorizer that need not wait: its answer is used in the task that asks, as that of pusher-js' public
// channels is, so that subscribe messages keep the order of the channels. Authorize is not called then.
type Immediate interface {
	AuthorizeNow(q Question) Answer
}

// Question is what an authorizer is asked. Channel is "" for the sign-in of the user.
type Question struct {
	Client   *Client
	SocketID string
	Channel  string
}

// Answer is an authorizer's. With a Problem nothing else counts.
type Answer struct {
	// Auth is "{key}:{signature}"; without HasAuth the message goes out without it, as pusher-js does with an answer of {}.
	Auth    string
	HasAuth bool
	// ChannelData is the exact text that was signed, for presence channels.
	ChannelData    string
	HasChannelData bool
	// SharedSecret is base64, for encrypted channels.
	SharedSecret string
	// UserData is the answer to a sign-in.
	UserData string
	// Problem is of the type AuthError; Code is the HTTP status, HasCode tells whether there was an answer at all (status 0
	// is a network error).
	Problem *Problem
}

// authorize asks, and tells how long it took.
func (c *Client) authorize(channel string, then func(*Answer)) {
	if n := c.tell(NoticeAuthBegin); n != nil {
		n.Channel = channel
		c.told(n)
	}
	c.loop.look()
	began := c.loop.now
	finish := func(a *Answer) {
		if c.gone {
			return
		}
		if n := c.tell(NoticeAuthEnd); n != nil {
			n.Channel, n.Answer, n.Took = channel, a, time.Duration(c.loop.now-began)
			c.told(n)
		}
		then(a)
	}
	if c.opt.Authorizer == nil {
		finish(&Answer{Problem: &Problem{Type: "AuthError", Message: "the client has no authorizer: give it the app's secret or an auth endpoint"}})
		return
	}
	q := Question{c, c.socketID, channel}
	if at, ok := c.opt.Authorizer.(Immediate); ok {
		a := at.AuthorizeNow(q)
		finish(&a)
		return
	}
	c.opt.Authorizer.Authorize(q, func(a Answer) {
		c.loop.post(func() {
			c.loop.look()
			finish(&a)
		})
	})
}

// Signer is an Authorizer that holds the app's secret: no network, no waiting.
type Signer struct {
	App pusher.App
	// Member is who a client is in a presence channel; ok is false for nobody, who is refused with 403. nil lets everybody in
	// as user 1.
	Member func(c *Client, channel string) (m Member, ok bool)
	// MasterKey is the 32 bytes from which the secrets of encrypted channels are made.
	MasterKey []byte
	// Refuse tells, where given, what a client may not have at all.
	Refuse func(c *Client, channel string) bool
}

// Authorize answers at once.
func (s *Signer) Authorize(q Question, done func(Answer)) { done(s.AuthorizeNow(q)) }

// AuthorizeNow is Authorize's answer.
func (s *Signer) AuthorizeNow(q Question) Answer {
	refused := Answer{Problem: authProblem(403, "")}
	if s.Refuse != nil && s.Refuse(q.Client, q.Channel) {
		return refused
	}
	member := func() (Member, bool) {
		if s.Member == nil {
			return Member{ID: "1"}, true
		}
		return s.Member(q.Client, q.Channel)
	}
	a := Answer{HasAuth: true}
	kind := kindOf(q.Channel)
	switch {
	case q.Channel == "":
		m, ok := member()
		if !ok {
			return refused
		}
		a.UserData = memberText("id", m)
		a.Auth = s.App.AuthString(pusher.UserText(q.SocketID, a.UserData))
		return a
	case kind.Presence:
		m, ok := member()
		if !ok {
			return refused
		}
		a.ChannelData, a.HasChannelData = memberText("user_id", m), true
	case kind.Encrypted:
		a.SharedSecret = base64.StdEncoding.EncodeToString(SharedSecret(s.MasterKey, q.Channel))
	}
	a.Auth = s.App.AuthString(pusher.ChannelText(q.SocketID, q.Channel, a.ChannelData))
	return a
}

func memberText(key string, m Member) string {
	b := append(append([]byte(`{"`), key...), `":`...)
	b = quote(b, m.ID)
	info := m.Info
	if info == nil {
		info = json.RawMessage("{}")
	}
	return string(append(append(append(b, `,"user_info":`...), info...), '}'))
}

// SharedSecret is an encrypted channel's: SHA-256 of its wire name and the master key (pusher-http-php Crypto).
func SharedSecret(masterKey []byte, channel string) []byte {
	sum := sha256.Sum256(append([]byte(channel), masterKey...))
	return sum[:]
}

// authProblem is pusher-js' HTTPAuthError; message "" stands for the usual one.
func authProblem(status int, message string) *Problem {
	return &Problem{Type: "AuthError", Code: status, HasCode: true, Message: message}
}
