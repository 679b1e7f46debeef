package harness

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// clockSlack is how far apart the clocks of two machines may be. Who came or went so near to a publication of another
// machine is in doubt, as one who comes or goes while it is under way.
const clockSlack = time.Second

// between settles the deliveries between segments, which each of them alone could not judge: it holds what came in one
// against what another sent, by the rules of the ledger.
type between struct {
	out   *Result
	parts []segmentShare
	by    map[string]*segmentShare // by the run in its marks
	found [deliveryCounts]int64
	given map[string]int // evidence, by what
}

// segmentShare is one segment with what it wrote.
type segmentShare struct {
	share
	result *Result
	ledger *Ledger
	by     map[uint64]*sentShare // Sent, by its numbers
}

// settleBetween adds to a merged result what came of the deliveries between its parts.
func settleBetween(out *Result, parts []Result) error {
	b := &between{out: out, by: make(map[string]*segmentShare), given: make(map[string]int)}
	for i := range parts {
		r := &parts[i]
		if len(r.Share) == 0 {
			if r.Delivery.Checked {
				out.Warnings = append(out.Warnings, "segment "+segmentName(r.Segment)+" does not tell what it sent: deliveries between it and the others were not checked")
			}
			continue
		}
		s, err := unpackShare(r.Share)
		if err != nil {
			return fmt.Errorf("result %s: what segment %s tells of deliveries cannot be read: %w", r.ID, segmentName(r.Segment), err)
		}
		part := segmentShare{share: s, result: r, by: make(map[uint64]*sentShare, len(s.Sent)),
			ledger: &Ledger{cfg: LedgerConfig{Grace: time.Duration(s.Grace), Patience: time.Duration(s.Patience)}}}
		for k := range s.Sent {
			part.by[s.Sent[k].N] = &s.Sent[k]
		}
		b.parts = append(b.parts, part)
	}
	for i := range b.parts {
		b.by[b.parts[i].Run] = &b.parts[i]
	}
	whole := !strings.Contains(out.Segment, " of ")
	for i := range b.parts {
		for k := range b.parts[i].Channels {
			b.channel(&b.parts[i], &b.parts[i].Channels[k], whole)
		}
	}
	b.enter()
	return nil
}

// publications are what a segment sent, as the receiver's clock tells its instants.
func (b *between) publications(from, to *segmentShare, c *channelBook) map[uint64]*Publication {
	shift := int64(from.result.Started.Sub(to.result.Started))
	slack := int64(clockSlack)
	if host := from.result.Environment.Hostname; host != "" && host == to.result.Environment.Hostname {
		slack = 0
	}
	all := make(map[uint64]*Publication)
	for i := range from.Sent {
		s := &from.Sent[i]
		if !slices.Contains(s.Channels, c.name) {
			continue
		}
		p := &Publication{n: s.N, event: s.Event, whisper: s.Whisper, sent: s.Sent + shift - slack, due: s.Sent}
		switch {
		case s.Accepted > 0:
			p.accepted.Store(max(1, s.Accepted+shift+slack))
		default:
			p.accepted.Store(s.Accepted)
		}
		p.says.Store(uint64(s.Says))
		all[s.N] = p
	}
	return all
}

// channel settles one channel of a receiving segment.
func (b *between) channel(to *segmentShare, c *channelShare, whole bool) {
	book := &channelBook{name: c.Name, cache: isCache(c.Name)}
	stays := make([]*Subscription, len(c.Stays))
	for i, s := range c.Stays {
		stays[i] = &Subscription{client: &LedgerClient{ledger: to.ledger, name: s.Client, socket: s.Socket}, channel: book,
			asked: s.Asked, confirmed: s.Confirmed, left: s.Left, cut: s.Cut}
		for _, d := range s.Deaf {
			stays[i].client.deaf = append(stays[i].client.deaf, deafness{d[0], d[1]})
		}
	}
	sent := make(map[*segmentShare]map[uint64]*Publication)
	for i := range b.parts {
		if from := &b.parts[i]; from != to {
			sent[from] = b.publications(from, to, book)
		}
	}
	at := make(map[*Publication]int) // in c.Came
	for i := range c.Came {
		came := &c.Came[i]
		from := b.by[came.Run]
		var p *Publication
		if from != nil && from != to {
			p = sent[from][came.N]
		}
		switch {
		case from == nil && !whole: // of a segment that is not here
			continue
		case from == nil || from == to || from.by[came.N] == nil:
			b.found[countForeign] += came.Count
		case p == nil:
			b.everybody("leaked", to, c, stays, i, from, "it was not published on this channel")
		case p.event != came.Event:
			b.everybody("leaked", to, c, stays, i, from, "it came as "+came.Event+", which nobody published")
		default:
			at[p] = i
			b.altered(to, c, came, from, p)
			b.found[countSiblings] -= came.Count
			continue
		}
		b.found[countSiblings] -= came.Count
	}
	for _, from := range b.order(sent) {
		for n := range from.Sent {
			p := sent[from][from.Sent[n].N]
			if p == nil {
				continue
			}
			i, came := at[p]
			for k, s := range stays {
				b.judge(to, c, from, p, s, came && c.Stays[k].Got[i/8]&(1<<(i%8)) != 0)
			}
		}
	}
	for k := range c.Stays {
		for _, o := range c.Stays[k].Overtaken {
			from := b.by[c.Came[o.Came].Run]
			if from == nil || from == to {
				continue
			}
			p, by := sent[from][c.Came[o.Came].N], sent[from][o.By]
			if p == nil || by == nil || p.whisper || by.whisper {
				continue
			}
			sentBy, accepted := b.instants(from, by, p)
			if accepted > 0 && accepted < sentBy {
				b.wrong("reordered", to, c.Name, from, p, stays[k].client, "one that was sent later came first")
			}
		}
	}
	b.strays(to, c, sent)
}

// order are the segments of a map in theirs.
func (b *between) order(of map[*segmentShare]map[uint64]*Publication) (in []*segmentShare) {
	for i := range b.parts {
		if of[&b.parts[i]] != nil {
			in = append(in, &b.parts[i])
		}
	}
	return in
}

// instants are when one was sent and the other accepted, by the sender's own clock.
func (b *between) instants(from *segmentShare, sent, accepted *Publication) (int64, int64) {
	return from.by[sent.n].Sent, from.by[accepted.n].Accepted
}

// judge is the ledger's sweep for one delivery.
func (b *between) judge(to *segmentShare, c *channelShare, from *segmentShare, p *Publication, s *Subscription, has bool) {
	claim, why := s.claimLocked(p, to.Grace)
	if claim == must && s.left == 0 && p.accepted.Load() > to.Until {
		claim = may // the segment did not wait for it
	}
	switch {
	case claim == must:
		b.found[countExpected]++
		if has {
			b.found[countDelivered]++
		} else {
			b.wrong("missing", to, c.Name, from, p, s.client, "it was subscribed before it was sent and still there after it was accepted")
		}
	case claim == unread && has:
		b.found[countExpected]++
		b.found[countDelivered]++
	case claim == unread:
		b.found[countUnread]++
	case has && claim == mustNot:
		b.wrong("leaked", to, c.Name, from, p, s.client, why)
	case has:
		b.found[countUncertain]++
	}
}

func (b *between) altered(to *segmentShare, c *channelShare, came *cameShare, from *segmentShare, p *Publication) {
	says := uint32(p.says.Load())
	if says == 0 {
		return
	}
	first := came.Count
	count := func(v version) {
		if uint32(v.Says) != says {
			b.wrongs("altered", v.Count, to, c.Name, from, p, &LedgerClient{name: v.Client}, "its data is not what was sent")
		}
	}
	for _, v := range came.Other {
		first -= v.Count
		count(v)
	}
	count(version{Says: came.Says, Count: first})
}

// everybody enters that all who got something must not have.
func (b *between) everybody(what string, to *segmentShare, c *channelShare, stays []*Subscription, came int, from *segmentShare, why string) {
	s := from.by[c.Came[came].N]
	p := &Publication{n: s.N, event: s.Event, due: s.Sent}
	for k := range stays {
		if c.Stays[k].Got[came/8]&(1<<(came%8)) != 0 {
			b.wrong(what, to, c.Name, from, p, stays[k].client, why)
		}
	}
}

// strays are what came to clients without a subscription.
func (b *between) strays(to *segmentShare, c *channelShare, sent map[*segmentShare]map[uint64]*Publication) {
	for _, s := range c.Strays {
		from := b.by[c.Came[s.Came].Run]
		if from == nil || from == to {
			continue
		}
		b.found[countSiblings]--
		p := sent[from][c.Came[s.Came].N]
		if p != nil && s.Last && (s.Left == 0 || p.sent <= s.Left+to.Grace && p.sent+2*int64(clockSlack) >= s.Asked) {
			b.found[countUncertain]++
			continue
		}
		why := "the client was never subscribed to the channel"
		if s.Last {
			why = "the client had left the channel"
		}
		if p == nil {
			p = &Publication{n: c.Came[s.Came].N, event: c.Came[s.Came].Event}
		}
		b.wrong("leaked", to, c.Name, from, p, &LedgerClient{name: s.Client, socket: s.Socket}, why)
	}
}

func (b *between) wrong(what string, to *segmentShare, channel string, from *segmentShare, p *Publication, c *LedgerClient, why string) {
	b.wrongs(what, 1, to, channel, from, p, c, why)
}

// wrongs counts n wrong deliveries of a publication and keeps one of them as evidence.
func (b *between) wrongs(what string, n int64, to *segmentShare, channel string, from *segmentShare, p *Publication, c *LedgerClient, why string) {
	if n <= 0 {
		return
	}
	b.found[wrongCounts[what]] += n
	b.out.grow(wrongMetrics[what], n, 0, float64(p.due)/1e6)
	if b.given[what]++; b.given[what] > maxEvidence {
		return
	}
	b.out.Delivery.Evidence = append(b.out.Delivery.Evidence, Evidence{What: what, Channel: channel, Event: p.event, N: p.n, Client: c.name, Socket: c.socket,
		AtMS: float64(p.due) / 1e6, SentMS: float64(p.due) / 1e6,
		Why: fmt.Sprintf("%s; segment %s sent it, segment %s received", why, from.result.Segment, to.result.Segment)})
}

// enter adds the sums.
func (b *between) enter() {
	f := &b.found
	b.out.Delivery.add(DeliveryResult{Expected: f[countExpected], Delivered: f[countDelivered], Uncertain: f[countUncertain], Unread: f[countUnread], Missing: f[countMissing],
		Reordered: f[countReordered], Leaked: f[countLeaked], Altered: f[countAltered], Foreign: f[countForeign], Siblings: f[countSiblings]})
	b.out.Delivery.Siblings = max(0, b.out.Delivery.Siblings)
	b.out.grow(Expected, f[countExpected], 0, -1)
	b.out.grow(DeliveryRate, f[countExpected], f[countDelivered], -1)
	b.out.grow(Foreign, f[countForeign], 0, -1)
}

// wrongMetrics count what a merge can find.
var wrongMetrics = map[string]*Metric{"missing": Missing, "leaked": Leaked, "reordered": Reordered, "altered": Altered}

// grow adds to a counter or rate of a result, at a moment in ms since the start where that is known (from 0).
func (r *Result) grow(m *Metric, n, good int64, at float64) {
	if n == 0 {
		return
	}
	i := slices.IndexFunc(r.Metrics, func(have MetricResult) bool { return have.Name == m.Name && len(have.Tags) == 0 })
	if i < 0 {
		i = len(r.Metrics)
		r.Metrics = append(r.Metrics, MetricResult{Name: m.Name, Kind: m.Kind, Tags: map[string]string{}, StepMS: 1000, Points: []Point{}})
	}
	out := &r.Metrics[i]
	out.Count += n
	out.Good += good
	if at < 0 || out.StepMS <= 0 {
		return
	}
	out.Points = growPoints(out.Points, int(at/out.StepMS), n)
}
