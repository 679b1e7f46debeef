package harness

import (
	"cmp"
	"slices"
	"time"
)

// Sweep counts the deliveries of everything that was sent longer ago than the ledger's patience. The runner calls it
// once a second, so that a threshold can end a run early; it returns how many are missing so far.
func (l *Ledger) Sweep(now time.Time) int64 {
	l.sweep(l.since(now) - int64(l.cfg.Patience))
	return l.counts[countMissing].Load()
}

// Waiting tells whether a delivery is due that has not come yet, for whoever waits for a run to end: if not, waiting
// longer changes nothing. It stops at the first that it finds: looking through all of them fifty times a second took a
// sixth of what a run with a server that is ahead cost.
func (l *Ledger) Waiting() bool {
	grace := l.grace.ns()
	return !l.each(func(_ *channelBook, log []*Publication, s *Subscription) bool {
		for i := len(log) - 1; i >= s.swept; i-- { // the last come last
			if s.hasLocked(i) {
				continue
			}
			if claim, _ := s.claimLocked(log[i], grace); claim == must {
				return false
			}
		}
		return true
	})
}

// Settle counts everything and is the end: what has not come by now is missing.
func (l *Ledger) Settle(now time.Time) DeliveryResult {
	l.sweep(forever)
	get := func(i int) int64 { return l.counts[i].Load() }
	r := DeliveryResult{
		Published: get(countPublished), Accepted: get(countAccepted), Refused: get(countRefused), Whispers: get(countWhispers),
		Expected: get(countExpected), Delivered: get(countDelivered), Uncertain: get(countUncertain), Unread: get(countUnread), Missing: get(countMissing),
		Duplicate: get(countDuplicate), Reordered: get(countReordered), Leaked: get(countLeaked), Altered: get(countAltered), Late: get(countLate),
		Foreign: get(countForeign), Siblings: get(countSiblings), Unmarked: get(countUnmarked), Evidence: []Evidence{},
	}
	r.Unanswered = r.Published - r.Accepted - r.Refused
	r.Checked = r.Published+r.Whispers > 0
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, what := range []string{"leaked", "missing", "duplicate", "reordered", "altered", "late"} {
		cases := slices.Clone(l.evidence[what])
		slices.SortStableFunc(cases, func(a, b Evidence) int { return cmp.Compare(a.AtMS, b.AtMS) })
		r.Evidence = append(r.Evidence, cases...)
	}
	return r
}

// each calls what for every subscription, locked, with its channel's log, as long as it returns true; all tells whether it
// always did.
func (l *Ledger) each(what func(book *channelBook, log []*Publication, s *Subscription) bool) (all bool) {
	l.mu.Lock()
	books := make([]*channelBook, 0, len(l.channels))
	for _, book := range l.channels {
		books = append(books, book)
	}
	l.mu.Unlock()
	for _, book := range books {
		book.mu.Lock()
		log, spans := book.log, book.spans
		book.mu.Unlock()
		for _, s := range spans {
			s.mu.Lock()
			on := what(book, log, s)
			s.mu.Unlock()
			if !on {
				return false
			}
		}
	}
	return true
}

// lost is a delivery that was found missing or leaked by a sweep.
type lost struct {
	what    string
	p       *Publication
	s       *Subscription
	why     string
	channel string
}

// sweep counts what was sent before until, in ns since the start.
func (l *Ledger) sweep(until int64) {
	var wrong []lost
	var expected, delivered, uncertain, notRead int64
	grace := l.grace.ns()
	l.each(func(book *channelBook, log []*Publication, s *Subscription) bool {
		for index, counted := range s.early {
			if counted || index >= len(log) || log[index].sibling != nil || log[index].sent >= until {
				continue
			}
			s.early[index] = true
			if claim, why := s.claimLocked(log[index], grace); claim == mustNot {
				wrong = append(wrong, lost{"leaked", log[index], s, why, book.name})
			} else {
				uncertain++
			}
		}
		end := s.client.judgeable(until, grace)
		for ; s.swept < len(log) && log[s.swept].sent < end; s.swept++ {
			p, has := log[s.swept], s.hasLocked(s.swept)
			if p.sibling != nil { // Merge knows when it was sent
				continue
			}
			switch claim, why := s.claimLocked(p, grace); {
			case claim == must:
				expected++
				if has {
					delivered++
					continue
				}
				if s.missing == nil {
					s.missing = make(map[int]struct{})
				}
				s.missing[s.swept] = struct{}{}
				wrong = append(wrong, lost{"missing", p, s, "it was subscribed before it was sent and still there after it was accepted", book.name})
			case claim == unread && has:
				expected++
				delivered++
			case claim == unread:
				notRead++
			case has && claim == mustNot:
				wrong = append(wrong, lost{"leaked", p, s, why, book.name})
			case has:
				uncertain++
			}
		}
		return true
	})
	l.counts[countExpected].Add(expected)
	l.counts[countDelivered].Add(delivered)
	l.counts[countUncertain].Add(uncertain)
	l.counts[countUnread].Add(notRead)
	l.rec.Add(l.expected, expected)
	l.rec.checks(l.rate, expected, delivered)
	for _, w := range wrong {
		l.wronged(w.what, w.p, w.channel, w.s.client, w.p.sent, w.why)
	}
}

var wrongCounts = map[string]int{
	"missing": countMissing, "duplicate": countDuplicate, "reordered": countReordered, "leaked": countLeaked, "altered": countAltered, "late": countLate,
}

// wronged counts a wrong delivery and keeps the first of each kind as evidence.
func (l *Ledger) wronged(what string, p *Publication, channel string, c *LedgerClient, at int64, why string) {
	l.counts[wrongCounts[what]].Add(1)
	if what == "missing" { // it went wrong when it was sent, which is long before it is given up
		l.registry.addAt(l.wrong[what], 1, time.Duration(p.sent))
	} else {
		l.rec.Add(l.wrong[what], 1)
	}
	c.mu.Lock()
	socket := c.socket
	c.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.evidence[what]) >= maxEvidence {
		return
	}
	l.evidence[what] = append(l.evidence[what], Evidence{What: what, Channel: channel, Event: p.event, N: p.n, Client: c.name,
		Socket: socket, AtMS: float64(at) / 1e6, SentMS: float64(p.sent) / 1e6, Why: why})
}
