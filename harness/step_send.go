package harness

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Run whispers.
func (s *Whisper) Run(_ context.Context, u *User) error {
	if err := u.needs(); err != nil {
		return err
	}
	env := u.env()
	channel, err := s.Channel.Eval(env)
	if err != nil {
		return err
	}
	event, err := s.Event.Eval(env)
	if err != nil {
		return err
	}
	data := []byte("{}")
	if !s.Data.IsZero() {
		if data, err = s.Data.JSON(env); err != nil {
			return err
		}
	}
	event = strings.TrimPrefix(event, "client-")
	var outcome error
	u.client.Do(func() {
		u.mu.Lock()
		a := u.inLocked(channel)
		in := a != nil && a.ready
		u.mu.Unlock()
		ch := u.client.Find(channel)
		if ch == nil || !in {
			outcome = failed("whisper", "the user is not in %s at the moment", channel)
			return
		}
		p := u.run.ledger.Send(Sending{Event: "client-" + event, Channels: []string{channel}, Due: u.due, At: time.Now(), Sender: u.book, Whisper: true})
		marked, ok := p.Mark(data)
		if !ok { // whether others get it, or the server refuses it, cannot be told
			u.run.unmarked.Store(true)
		}
		sent, err := ch.Whisper(event, marked)
		if err != nil || !sent {
			p.Refused()
			outcome = failed("whisper", "%s could not be sent to %s", event, channel)
			return
		}
		if ok {
			p.Accepted(time.Now())
		}
	})
	if outcome != nil {
		return outcome
	}
	u.rec.Add(u.run.registry.Series(Whispered, Tag{"scenario", u.group.Name}, Tag{"event", "client-" + event}), 1)
	return nil
}

// Run publishes.
func (s *Publish) Run(ctx context.Context, u *User) error {
	env := u.env()
	event, err := s.Event.Eval(env)
	if err != nil {
		return err
	}
	var channels []string
	for _, text := range append([]Text{s.Channel}, s.Channels...) {
		name, err := text.Eval(env)
		if err != nil {
			return err
		}
		if name != "" {
			channels = append(channels, name)
		}
	}
	data := []byte("{}")
	if !s.Payload.IsZero() {
		if data, err = s.Payload.JSON(env); err != nil {
			return err
		}
	}
	return u.publish(ctx, event, channels, data, s.ToOthers)
}

// Run publishes an event of the catalogue.
func (s *Emit) Run(ctx context.Context, u *User) error {
	env := u.env()
	name, err := s.Event.Eval(env)
	if err != nil {
		return err
	}
	if u.run.opt.Catalogue == nil {
		return failed("emit", "there is no catalogue of events")
	}
	params, err := evalAll(s.Params, env)
	if err != nil {
		return err
	}
	set, err := evalAll(s.Set, env)
	if err != nil {
		return err
	}
	emissions, err := u.run.opt.Catalogue.Occurrence(name, params, set, u.rng.Uint64())
	if err != nil {
		return failed("emit", "%v", err)
	}
	for _, e := range emissions {
		if err := u.publish(ctx, e.Event, e.Channels, e.Payload, s.ToOthers); err != nil {
			return err
		}
	}
	return nil
}

func evalAll(values map[string]Value, env *Env) (map[string]any, error) {
	out := make(map[string]any, len(values))
	for name, value := range values {
		v, err := value.Eval(env)
		if err != nil {
			return nil, err
		}
		out[name] = v
	}
	return out, nil
}

// publish sends an event over HTTP and enters it.
func (u *User) publish(ctx context.Context, event string, channels []string, data []byte, toOthers bool) error {
	if len(channels) > 1 && slices.ContainsFunc(channels, func(c string) bool { return KindOf(c) == "encrypted" }) {
		return failed("publish", "%s: an encrypted channel has a key of its own, so it must be the only channel of a publish; Laravel and Pusher's libraries refuse anything else", event)
	}
	sending := Sending{Event: event, Channels: channels, Due: u.due}
	except := ""
	if toOthers {
		if err := u.needs(); err != nil {
			return err
		}
		u.client.Do(func() { except = u.client.SocketID() })
		sending.Sender = u.book
	}
	r := u.run
	scenario, name := Tag{"scenario", u.group.Name}, Tag{"event", event}
	u.rec.Add(r.registry.Series(Published, scenario, name), 1)
	sending.At = time.Now()
	p := r.ledger.Send(sending)
	marked, ok := p.Mark(data)
	if !ok {
		r.unmarked.Store(true)
	}
	status, answer, err := r.target.publish(ctx, event, channels, marked, except)
	now := time.Now()
	word := strconv.Itoa(status)
	switch {
	case err != nil:
		word = "none"
	case status == 200:
		if ok {
			p.Accepted(now)
		}
		u.rec.Add(r.registry.Series(Accepted, scenario, name), 1)
	default:
		p.Refused()
	}
	u.rec.Duration(r.registry.Series(PublishLatency, scenario, name, Tag{"status", word}), now.Sub(u.due))
	u.now()
	if status == 200 {
		return nil
	}
	if ctx.Err() != nil {
		return errStopped
	}
	u.rec.Add(r.registry.Series(PublishRefused, scenario, name, Tag{"status", word}), 1)
	if err != nil {
		if exhausted(err) {
			r.health.SocketError()
		}
		return failed("publish failed", "%s: %v", event, bare(err))
	}
	return failed("publish refused", "%s: status %d: %s", event, status, few1(answer))
}
