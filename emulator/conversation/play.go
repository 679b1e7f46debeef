package conversation

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	patience        = 2 * time.Second // how long an expectation waits unless it says otherwise
	requestPatience = 10 * time.Second
	noticed         = 50 * time.Millisecond // after a connection's abrupt end
)

// Target is the server that a conversation is played against.
type Target struct {
	BaseURL         string // http://127.0.0.1:8080, without a slash at the end
	ID, Key, Secret string // of the application

	// Stop does what SIGTERM does to the server. It may wait for its clients to go. Nil: a file that stops the
	// server can't be played.
	Stop func()
}

// Failure is an expectation that wasn't met, or an act that the server didn't allow.
type Failure struct {
	Conversation string
	Step, Steps  int    // counted from 1; Step is Steps+1 for what is left over at the end
	Doing        string // client and kind of the step
	Expected     string
	Got          string
}

func (f *Failure) Error() string {
	place := fmt.Sprintf("step %d of %d (%s)", f.Step, f.Steps, f.Doing)
	if f.Step > f.Steps {
		place = "at the end (" + f.Doing + ")"
	}
	return fmt.Sprintf("%s.json, %s: expected %s; got %s", f.Conversation, place, f.Expected, f.Got)
}

// mismatch is a Failure before it knows where it stands.
type mismatch struct{ expected, got string }

func (m mismatch) Error() string { return "expected " + m.expected + "; got " + m.got }

// Play plays one conversation from beginning to end and returns nil if everything was said as the file says, a
// *Failure at the first thing that wasn't, and any other error where the file itself can't be played.
// When it returns, its clients are gone and Stop, if it was called, has returned.
func Play(ctx context.Context, c Conversation, t Target) error {
	p := &play{
		target:  t,
		clients: map[string]*client{},
		last:    map[string]string{},
		names:   names{id: t.ID, key: t.Key, secret: t.Secret, sockets: map[string]string{}},
	}
	defer p.end()
	for i, s := range c.Steps {
		k := kindOf(s)
		err := k.run(ctx, p, s)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return p.located(err, c, i+1, strings.TrimSpace(s.Client+" "+k.name))
		}
	}
	// Twice, because a client's last message may concern another client that was looked at before it.
	for range 2 {
		for _, name := range slices.Sorted(maps.Keys(p.clients)) {
			if err := p.settle(ctx, name); err != nil {
				return p.located(err, c, len(c.Steps)+1, name)
			}
		}
	}
	return nil
}

// play is one performance.
type play struct {
	target  Target
	names   names
	clients map[string]*client
	last    map[string]string // the last frame each client was expected to hear
	stops   sync.WaitGroup
}

func (p *play) located(err error, c Conversation, step int, doing string) error {
	var m mismatch
	if !errors.As(err, &m) {
		return fmt.Errorf("%s.json, step %d of %d (%s): %w", c.Name, step, len(c.Steps), doing, err)
	}
	return &Failure{Conversation: c.Name, Step: step, Steps: len(c.Steps), Doing: doing, Expected: m.expected, Got: m.got}
}

func (p *play) end() {
	for _, c := range p.clients {
		c.end()
	}
	p.stops.Wait()
}

// kind is one thing that a step can say.
type kind struct {
	name    string
	applies func(Step) bool
	run     func(context.Context, *play, Step) error
}

var kinds = []kind{
	{"connect", func(s Step) bool { return s.Connect != nil }, connect},
	{"send", func(s Step) bool { return s.Send != nil }, send},
	{"send_fragments", func(s Step) bool { return s.SendFragments != nil }, sendFragments},
	{"send_base64", func(s Step) bool { return s.SendBase64 != nil }, sendBase64},
	{"ping", func(s Step) bool { return s.Ping != nil }, ping},
	{"close", func(s Step) bool { return s.Close != nil }, closeSocket},
	{"abort", func(s Step) bool { return s.Abort }, abort},
	{"http", func(s Step) bool { return s.HTTP != nil }, request},
	{"server", func(s Step) bool { return s.Server != "" }, server},
	{"wait_ms", func(s Step) bool { return s.WaitMS > 0 }, wait},
	{"expect", func(s Step) bool { return s.Expect != nil }, expect},
	{"expect_pong", func(s Step) bool { return s.ExpectPong != nil }, expectPong},
	{"expect_none_for_ms", func(s Step) bool { return s.ExpectNoneForMS > 0 }, expectNone},
	{"expect_close", func(s Step) bool { return s.ExpectClose != nil }, expectClose},
	{"expect_refused", func(s Step) bool { return s.ExpectRefused != nil }, expectRefused},
}

func kindOf(s Step) kind {
	for _, k := range kinds {
		if k.applies(s) {
			return k
		}
	}
	return kind{name: "nothing", run: func(context.Context, *play, Step) error {
		return errors.New("the step says nothing")
	}}
}

func (p *play) client(s Step) (*client, error) {
	c, known := p.clients[s.Client]
	if !known {
		return nil, fmt.Errorf("client %q has not connected", s.Client)
	}
	return c, nil
}

// write sends frames of one client.
func (p *play) write(s Step, opcode byte, payload []byte, final, mask bool) error {
	c, err := p.client(s)
	if err != nil {
		return err
	}
	if err := c.write(opcode, payload, final, mask); err != nil {
		return mismatch{"the socket to be open", err.Error()}
	}
	return nil
}

func connect(ctx context.Context, p *play, s Step) error {
	if _, taken := p.clients[s.Client]; taken {
		return fmt.Errorf("client %q has connected already; a second socket needs a name of its own", s.Client)
	}
	path, err := p.names.complete(s.Connect.Path)
	if err != nil {
		return err
	}
	c, err := dial(ctx, websocketURL(p.target.BaseURL, path), s.Connect.Headers)
	if err != nil {
		return mismatch{"an answer to the upgrade", err.Error()}
	}
	p.clients[s.Client] = c
	return nil
}

func send(_ context.Context, p *play, s Step) error {
	payload, err := p.names.payload(s.Send)
	if err != nil {
		return err
	}
	opcode := byte(opText)
	if s.Binary {
		opcode = opBinary
	}
	return p.write(s, opcode, payload, true, s.Mask == nil || *s.Mask)
}

func sendFragments(_ context.Context, p *play, s Step) error {
	opcode := byte(opText)
	for i, fragment := range s.SendFragments {
		text, err := p.names.complete(fragment)
		if err != nil {
			return err
		}
		if err := p.write(s, opcode, []byte(text), i == len(s.SendFragments)-1, true); err != nil {
			return err
		}
		opcode = 0 // continuation
	}
	return nil
}

func sendBase64(_ context.Context, p *play, s Step) error {
	payload, err := base64.StdEncoding.DecodeString(*s.SendBase64)
	if err != nil {
		return err
	}
	return p.write(s, opText, payload, true, true)
}

func ping(_ context.Context, p *play, s Step) error {
	return p.write(s, opPing, []byte(*s.Ping), true, true)
}

func closeSocket(_ context.Context, p *play, s Step) error {
	c, err := p.client(s)
	if err != nil {
		return err
	}
	code := s.Close.Code
	if code == 0 {
		code = 1000
	}
	c.leaving = true
	if err := c.writeClose(code); err != nil {
		return mismatch{"the socket to be open", err.Error()}
	}
	return nil
}

func abort(ctx context.Context, p *play, s Step) error {
	c, err := p.client(s)
	if err != nil {
		return err
	}
	c.abort()
	// The end of one connection and the bytes of another have no order on the wire, and nothing tells this side that
	// the server has noticed.
	select {
	case <-time.After(noticed):
	case <-ctx.Done():
	}
	return nil
}

func request(ctx context.Context, p *play, s Step) error {
	got, err := p.names.call(ctx, p.target.BaseURL, *s.HTTP)
	if err != nil {
		return mismatch{"an answer", err.Error()}
	}
	if s.ExpectHTTP == nil {
		return nil
	}
	difference, err := p.names.differs(*s.ExpectHTTP, got)
	if err != nil || difference == "" {
		return err
	}
	return mismatch{difference, got.String()}
}

func server(_ context.Context, p *play, s Step) error {
	if s.Server != "stop" {
		return fmt.Errorf("server can be told to stop, not to %q", s.Server)
	}
	if p.target.Stop == nil {
		return errors.New("this server can't be stopped from here")
	}
	p.stops.Go(p.target.Stop)
	return nil
}

func wait(ctx context.Context, _ *play, s Step) error {
	timer := time.NewTimer(time.Duration(s.WaitMS) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil
}
