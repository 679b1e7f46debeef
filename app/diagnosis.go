package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"echolab/app/diagnosis"
	"echolab/app/store"
	"echolab/emulator/journal"
	"echolab/emulator/pusher"
)

// Diagnosis is why a listener did not hear an event, or who got it.
type Diagnosis = diagnosis.Diagnosis

const (
	// diagnosisLook is how long the database may be searched for one.
	diagnosisLook = 2 * time.Second
	// pastEntries and laterEntries are how far a channel's story is followed from the event.
	pastEntries, laterEntries = 200, 50
)

// Diagnosis tells of an event, by its number or its id, why somebody's listener may not have run. It is NotFound for an
// entry that is not there, Invalid for one that is no event.
func (a *App) Diagnosis(ctx context.Context, name string) (Diagnosis, error) {
	seq, err := seqOf(name)
	if err != nil {
		return Diagnosis{}, err
	}
	e, err := a.Entry(ctx, seq)
	if err != nil {
		return Diagnosis{}, err
	}
	settled, cancel := context.WithTimeout(ctx, settleWait)
	_ = a.journal.Settled(settled, a.journal.Last())
	cancel()
	return diagnosed(ctx, a.store, a.profile, name, e)
}

// Diagnosis is App.Diagnosis from the files.
func (d *Database) Diagnosis(ctx context.Context, name string) (Diagnosis, error) {
	seq, err := seqOf(name)
	if err != nil {
		return Diagnosis{}, err
	}
	found, err := d.store.Entries(ctx, Query{After: seq - 1, Before: seq + 1, Limit: 1})
	if err != nil {
		return Diagnosis{}, &Error{Code: Away, Message: "the database could not be read: " + err.Error(), Err: err}
	}
	if len(found) == 0 {
		return Diagnosis{}, notThere(name)
	}
	return diagnosed(ctx, d.store, d.profile, name, found[0])
}

// seqOf is the number of the entry that a person names by it, with or without #, or by the entry's id.
func seqOf(name string) (uint64, error) {
	seq, ok := journal.SeqOf(strings.TrimPrefix(name, "#"))
	if !ok {
		return 0, &Error{Code: Invalid, Message: fmt.Sprintf("the event %s is neither an entry's number, such as 42, nor its id", short(name))}
	}
	return seq, nil
}

func notThere(name string) error {
	return &Error{Code: NotFound, Message: fmt.Sprintf("entry %s is not kept any more, or has not happened yet", short(name))}
}

func diagnosed(ctx context.Context, s *store.Store, profile *pusher.Profile, name string, e journal.Entry) (Diagnosis, error) {
	if strings.Contains(name, "-") && !strings.EqualFold(e.ID(), name) {
		return Diagnosis{}, notThere(name) // an id of another database
	}
	if e.Kind != journal.Published && e.Kind != journal.Whispered {
		return Diagnosis{}, &Error{Code: Invalid, Message: fmt.Sprintf("entry %d (%s) is no event; only events have listeners", e.Seq, e.Kind)}
	}
	ctx, cancel := context.WithTimeout(ctx, diagnosisLook)
	defer cancel()
	f := diagnosis.Facts{Event: e, Kind: profile.KindOf(e.Channel)}
	if err := addMoment(ctx, s, &f); err != nil {
		f.Unknown = err.Error()
	}
	if err := addStory(ctx, s, &f); err != nil && f.Unknown == "" {
		f.Unknown = err.Error()
	}
	return diagnosis.Of(f), nil
}

// addMoment adds who was connected and subscribed.
func addMoment(ctx context.Context, s *store.Store, f *diagnosis.Facts) error {
	m, err := s.Moment(ctx, f.Event.App, f.Event.Seq)
	if err != nil {
		return err
	}
	if m.Last < f.Event.Seq || m.First > f.Event.Seq || m.First == 0 {
		return fmt.Errorf("the database does not have entry %d", f.Event.Seq)
	}
	for _, app := range m.Apps {
		f.Connected += len(app.Sockets)
		users := map[string]string{}
		for _, session := range app.Sockets {
			users[session.Socket] = session.User
		}
		for _, ch := range app.Channels {
			for _, member := range ch.Members {
				if member.User != "" {
					users[member.Socket] = member.User
				}
			}
		}
		for _, ch := range app.Channels {
			out := diagnosis.Channel{Name: ch.Channel}
			for _, member := range ch.Members {
				out.Subscribers = append(out.Subscribers, diagnosis.Subscriber{Socket: member.Socket, User: users[member.Socket]})
			}
			f.Channels = append(f.Channels, out)
		}
	}
	return nil
}

// addStory adds what happened on the channel before and after.
func addStory(ctx context.Context, s *store.Store, f *diagnosis.Facts) error {
	e := &f.Event
	q := Query{App: e.App, Channel: e.Channel, Kinds: diagnosis.Around}
	past, later := q, q
	past.Before, past.From, past.Limit = e.Seq, e.At.Add(-diagnosis.Before), pastEntries
	later.After, later.To, later.Limit, later.Oldest = e.Seq, e.At.Add(diagnosis.After), laterEntries, true
	var err error
	if f.Past, err = s.Entries(ctx, past); err != nil {
		return err
	}
	slices.Reverse(f.Past)
	if f.Later, err = s.Entries(ctx, later); err != nil {
		return err
	}
	other := func(of journal.Entry) bool { return of.Channel != e.Channel } // a * in the name stood for more
	f.Past, f.Later = slices.DeleteFunc(f.Past, other), slices.DeleteFunc(f.Later, other)
	for _, gone := range slices.Backward(f.Past) {
		if gone.Kind != journal.Unsubscribed {
			continue
		}
		closed, err := s.Entries(ctx, Query{App: e.App, Socket: gone.Socket, Kinds: []journal.Kind{journal.Closed}, After: gone.Seq,
			To: e.At.Add(time.Second), Limit: 1, Oldest: true})
		f.Past = append(f.Past, closed...)
		return err
	}
	return nil
}

// toldMost is how many different events nobody heard are told in the log: a flood of them is for the page.
const toldMost = 200

// tellWhy says in the log why nobody got an event of the application, once for each event of a channel, until ctx ends. What
// Echolab itself sends, often to nobody, is left out. Slow as a person reads, it may miss some when many come.
func (a *App) tellWhy(ctx context.Context, tail *journal.Tail) {
	defer tail.Close()
	type event struct{ app, channel, name string }
	told := make(map[event]bool, toldMost)
	batch := make([]journal.Entry, 64)
	for {
		n, _, err := tail.Next(ctx, batch)
		if err != nil {
			return
		}
		for _, e := range batch[:n] {
			key := event{e.App, e.Channel, e.Event}
			if e.Kind != journal.Published || e.Source == journal.Server || e.Count > 0 || told[key] || len(told) == toldMost {
				continue
			}
			told[key] = true
			d, err := a.Diagnosis(ctx, fmt.Sprint(e.Seq))
			if err != nil || ctx.Err() != nil {
				continue
			}
			a.logWhy(d)
		}
	}
}

// logWhy writes the likeliest cause of an event that nobody got; nothing where the server does not know one.
func (a *App) logWhy(d Diagnosis) {
	if len(d.Causes) == 0 || !slices.ContainsFunc(d.Causes, func(c diagnosis.Cause) bool { return c.Certain }) {
		return
	}
	var why []string
	do := ""
	for _, c := range d.Causes {
		if c.Name == diagnosis.NotAuthorised {
			continue // a guess that a page may make, and a log should not
		}
		why = append(why, c.What)
		if do == "" {
			do = c.Do
		}
	}
	args := []any{"event", d.Event.Event, "channel", d.Event.Channel, "entry", d.Event.Seq, "why", strings.Join(why, " ")}
	if do != "" {
		args = append(args, "try", do)
	}
	a.log.Info("nobody heard an event", append(args, "listen", d.Listen)...)
}
