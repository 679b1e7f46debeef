package conversation

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"
)

func within(s Step) time.Duration {
	if s.WithinMS > 0 {
		return time.Duration(s.WithinMS) * time.Millisecond
	}
	return patience
}

// heard takes the next event of the step's client, which has to be of this kind. Says names what is expected.
func (p *play) heard(ctx context.Context, s Step, kind, says string, left time.Duration) (event, error) {
	c, err := p.client(s)
	if err != nil {
		return event{}, err
	}
	e, came := c.next(ctx, left)
	if !came {
		return e, mismatch{says, fmt.Sprintf("nothing within %v", left.Round(time.Millisecond))}
	}
	if e.kind != kind {
		return e, mismatch{says, e.String()}
	}
	return e, nil
}

func expect(ctx context.Context, p *play, s Step) error {
	deadline := time.Now().Add(within(s))
	for _, want := range s.Expect {
		text, err := p.names.expand(string(want.Frame))
		if err != nil {
			return err
		}
		e, err := p.heard(ctx, s, "text", "the frame "+shorten(text), time.Until(deadline))
		if err != nil {
			return err
		}
		learned := maps.Clone(p.names.sockets)
		difference, err := jsonDiffers([]byte(text), []byte(e.text), learned)
		if err != nil {
			return err
		}
		if difference != "" {
			return mismatch{"the frame " + shorten(text), e.String() + " (" + difference + ")"}
		}
		p.names.sockets = learned
		p.last[s.Client] = e.text
	}
	return nil
}

func expectPong(ctx context.Context, p *play, s Step) error {
	says := fmt.Sprintf("a pong with payload %q", *s.ExpectPong)
	e, err := p.heard(ctx, s, "pong", says, within(s))
	if err == nil && e.text != *s.ExpectPong {
		return mismatch{says, e.String()}
	}
	return err
}

func expectNone(ctx context.Context, p *play, s Step) error {
	c, err := p.client(s)
	if err != nil {
		return err
	}
	quiet := time.Duration(s.ExpectNoneForMS) * time.Millisecond
	if e, came := c.next(ctx, quiet); came {
		return mismatch{fmt.Sprintf("nothing for %v", quiet), e.String()}
	}
	return nil
}

func expectClose(ctx context.Context, p *play, s Step) error {
	want := *s.ExpectClose
	says := event{kind: "close", code: want.Code, reason: want.Reason}.String()
	e, err := p.heard(ctx, s, "close", says, within(s))
	if err != nil {
		return err
	}
	// Beside 1002 and 1007 the reason is the words of a WebSocket library.
	ownReason := want.Code != 1002 && want.Code != 1007
	if e.code != want.Code || ownReason && e.reason != want.Reason {
		return mismatch{says, e.String()}
	}
	return nil
}

func expectRefused(ctx context.Context, p *play, s Step) error {
	says := event{kind: "refused", code: s.ExpectRefused.Status}.String()
	e, err := p.heard(ctx, s, "refused", says, within(s))
	if err == nil && e.code != s.ExpectRefused.Status {
		return mismatch{says, e.String()}
	}
	return err
}

// lastWord is the ping that a client ends with. The server answers it after everything it had to say before.
const lastWord = "the end"

// settle makes sure that nothing is left over for a client: no frame, and no end of the socket that the file
// doesn't mention, unless an error frame announced it. A ping marks the end, so a frame that is still on its way
// is found without waiting for a length of time.
func (p *play) settle(ctx context.Context, name string) error {
	c := p.clients[name]
	if c.conn != nil && !c.gone {
		// If the socket has ended, the queue holds that end.
		_ = c.write(opPing, []byte(lastWord), true, true)
	}
	e, came := c.next(ctx, patience)
	switch {
	case !came, e.kind == "pong" && e.text == lastWord:
		return nil
	case e.kind == "close" && (c.leaving || strings.Contains(p.last[name], `"pusher:error"`)):
		return nil
	}
	return mismatch{"nothing left over", e.String()}
}
