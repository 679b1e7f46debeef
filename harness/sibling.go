package harness

import (
	"sync"
	"sync/atomic"
)

// Segments of one plan publish to each other's users, and none knows when the others' events were sent and accepted, which
// decides who had to get them. So each enters what came of the others beside its own (as siblings, told by a mark that
// begins with the plan's hash), finds at once what needs no more knowledge (a delivery that came twice), and puts what it
// saw into its result (share.go); Merge, which has both ends, settles the rest.

// maxSiblings bounds what a ledger keeps of other segments' publications; what is beyond counts as foreign.
const maxSiblings = 1 << 22

// maxDoubtful bounds the deliveries that may turn out to be wrong when segments are merged: overtaken ones, and those that
// came to somebody without a subscription. Beyond it they are left out.
const maxDoubtful = 100_000

// sibling is a publication of another segment, as far as it came here on one channel under one name.
type sibling struct {
	run  string
	came atomic.Int64 // deliveries

	mu    sync.Mutex
	says  content // the first that came
	other []version
}

// version is other data that came under the mark of a publication.
type version struct {
	Says   content `json:"says"`
	Count  int64   `json:"count"`
	Client string  `json:"client"` // the first
}

type siblingKey struct {
	n     uint64
	event string
}

// stray is a delivery of a sibling to a client without a subscription.
type stray struct {
	p      *Publication
	client *LedgerClient
	last   *Subscription // in the channel; nil: never
	at     int64
}

// sibling is the stand-in for another segment's publication, made when it comes first; nil where the mark is of
// something else.
func (l *Ledger) sibling(m mark, book *channelBook, event string, data []byte, now int64) *Publication {
	if l.cfg.Family == "" || len(m.run) <= len(l.cfg.Family) || string(m.run[:len(l.cfg.Family)]) != l.cfg.Family || string(m.run) == l.cfg.Run {
		return nil
	}
	book.mu.Lock()
	defer book.mu.Unlock()
	run := book.siblings[string(m.run)] // looks up without allocating
	if p := run[siblingKey{m.n, event}]; p != nil {
		return p
	}
	if l.siblings.Add(1) > maxSiblings {
		return nil
	}
	kind := book.kind
	if kind == "" {
		kind = KindOf(book.name)
	}
	source := "http"
	if isWhisper(event) {
		source = "whisper"
	}
	p := &Publication{n: m.n, event: event, ledger: l, due: now, sent: now, sibling: &sibling{run: string(m.run), says: contentOf(data)}}
	p.says.Store(uint64(p.sibling.says))
	p.places = []place{{channel: book, index: len(book.log),
		came: l.registry.Series(Delivered, Tag{"kind", kind}, Tag{"event", event}, Tag{"source", source})}}
	p.entered.Store(true)
	book.log = append(book.log, p)
	if run == nil {
		run = make(map[siblingKey]*Publication)
		if book.siblings == nil {
			book.siblings = make(map[string]map[siblingKey]*Publication, 1)
		}
		book.siblings[p.sibling.run] = run
	}
	run[siblingKey{m.n, event}] = p
	return p
}

func isWhisper(event string) bool { return len(event) > 7 && event[:7] == "client-" }

// receivedSibling enters a delivery of another segment's publication.
func (s *Subscription) receivedSibling(rec *Recorder, p *Publication, data []byte, now int64) {
	l := s.client.ledger
	l.heardSibling.Store(now)
	if s.take(p, &p.places[0]) == again {
		l.wronged("duplicate", p, s.channel.name, s.client, now, "it had come before; another segment published it")
		return
	}
	l.counts[countSiblings].Add(1)
	p.sibling.came.Add(1)
	if !p.isGenuine(data) {
		p.sibling.differs(contentOf(data), s.client.name)
	}
	rec.Add(p.places[0].came, 1)
}

// differs notes data that is not what came first.
func (s *sibling) differs(says content, client string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.other {
		if s.other[i].Says == says {
			s.other[i].Count++
			return
		}
	}
	if len(s.other) < maxEvidence {
		s.other = append(s.other, version{says, 1, client})
	}
}

// strayed enters a delivery of another segment's publication to a client that has no subscription.
func (l *Ledger) strayed(p *Publication, c *LedgerClient, last *Subscription, now int64) {
	l.counts[countSiblings].Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.strays) < maxDoubtful {
		l.strays = append(l.strays, stray{p, c, last, now})
	}
}

// overtake is a delivery that came after one with a higher number.
type overtake struct {
	index int    // in the channel's log
	by    uint64 // the number
}

// siblingOrder is in which order a subscription got other segments' publications.
type siblingOrder struct {
	most      map[string]uint64 // by run: the highest number that came
	overtaken []overtake
}

// followLocked notes in which order one segment's publications came. Whispers keep their order only per sender, whom
// nobody here knows: they are left out.
func (s *Subscription) followLocked(p *Publication, index int) {
	if isWhisper(p.event) {
		return
	}
	if s.order == nil {
		s.order = &siblingOrder{most: make(map[string]uint64, 1)}
	}
	switch most := s.order.most[p.sibling.run]; {
	case p.n > most:
		s.order.most[p.sibling.run] = p.n
	case s.client.ledger.overtaken.Add(1) <= maxDoubtful:
		s.order.overtaken = append(s.order.overtaken, overtake{index, most})
	}
}
