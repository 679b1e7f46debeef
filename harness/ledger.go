package harness

import (
	"sync"
	"sync/atomic"
	"time"
)

// Ledger knows who must get what, and who got it. For every publication the deliveries that are due follow from the
// subscriptions of that moment: a client that was subscribed before it was sent and stayed until a Grace after it was
// accepted, or until it got something that was sent later, must get it once; one that was coming or going at that time may;
// nobody else may. Sender and toOthers are left out.
//
// Order: if one publication was accepted before another was sent, nobody may get them the other way round; whispers of
// one sender keep their order.
//
// Its methods can be called from any goroutine; those of one Client and of its Subscriptions from one at a time.
// Lock order: Ledger.mu → channelBook.mu → Subscription.mu.
type Ledger struct {
	cfg      LedgerConfig
	registry *Registry
	grace    grace
	foreign  Series
	wrong    map[string]Series // by Evidence.What
	expected Series
	rate     Series
	rec      *Recorder

	mu       sync.Mutex
	channels map[string]*channelBook
	chunks   atomic.Pointer[[]*[chunkSize]Publication] // publication n at n-1
	next     uint64
	evidence map[string][]Evidence
	counts   [deliveryCounts]atomic.Int64
	strays   []stray

	siblings, overtaken atomic.Int64
	heardSibling        atomic.Int64 // when the last event of another segment came
}

// LedgerConfig is what a Ledger is given.
type LedgerConfig struct {
	Run string // of this run and segment; no dots; part of every mark
	// Family is what the marks of all segments of the plan begin with, "" where this is all of it.
	Family   string
	Start    time.Time // of the run, with its monotonic clock
	Registry *Registry
	// LateAfter is when a delivery that came counts as late; 0: never.
	LateAfter time.Duration
	// Patience is how long a delivery may take before it counts as missing; default 10 s. If it comes after all it counts
	// as late instead.
	Patience time.Duration
	// Grace is the uncertainty around coming and going: what was accepted less than that before a leave, or the end of a
	// connection, need not have arrived (a server may answer before it has told everybody), what was sent less than that after
	// a leave may still, as may what was accepted less than that before the client asked (a server of several nodes). Where the
	// slowest subscribe took more than half of it, it is twice that, up to Patience (grace.go). Default 1 s.
	Grace time.Duration
}

const chunkSize = 1024

const (
	countPublished = iota
	countAccepted
	countRefused
	countWhispers
	countExpected
	countDelivered
	countUncertain
	countUnread
	countMissing
	countDuplicate
	countReordered
	countLeaked
	countAltered
	countLate
	countForeign
	countSiblings
	countUnmarked
	deliveryCounts
)

// NewLedger makes an empty Ledger.
func NewLedger(cfg LedgerConfig) *Ledger {
	if cfg.Patience <= 0 {
		cfg.Patience = 10 * time.Second
	}
	if cfg.Grace <= 0 {
		cfg.Grace = time.Second
	}
	if cfg.Registry == nil {
		cfg.Registry = NewRegistry()
	}
	r := cfg.Registry
	l := &Ledger{cfg: cfg, registry: r, channels: make(map[string]*channelBook), evidence: make(map[string][]Evidence),
		foreign: r.Series(Foreign), expected: r.Series(Expected), rate: r.Series(DeliveryRate), rec: r.Recorder(),
		wrong: map[string]Series{
			"missing": r.Series(Missing), "duplicate": r.Series(Duplicates), "reordered": r.Series(Reordered),
			"leaked": r.Series(Leaked), "altered": r.Series(Altered), "late": r.Series(Late),
		}}
	l.grace.least, l.grace.most = cfg.Grace, max(cfg.Grace, cfg.Patience)
	l.chunks.Store(new([]*[chunkSize]Publication))
	return l
}

// channelBook is one channel's log of publications and the subscriptions to it.
type channelBook struct {
	name, kind string
	cache      bool

	mu       sync.Mutex
	log      []*Publication
	spans    []*Subscription
	siblings map[string]map[siblingKey]*Publication // by run
}

func (l *Ledger) channel(name, kind string) *channelBook {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.channels[name]
	if c == nil {
		c = &channelBook{name: name, kind: kind, cache: isCache(name)}
		l.channels[name] = c
	}
	return c
}

// since is an instant in ns since the run began; at least 1, so that 0 is never.
func (l *Ledger) since(at time.Time) int64 { return max(1, int64(at.Sub(l.cfg.Start))) }

// Publication is one event that the run sends, on one or more channels.
type Publication struct {
	n       uint64
	event   string
	whisper bool
	sender  *LedgerClient // who must not get it; nil: everybody may
	// connection is which of the sender's it is that must not.
	connection int32
	due        int64
	sent       int64
	// accepted is when the server said so; 0 not yet, refused if it said no.
	accepted atomic.Int64
	places   []place
	ledger   *Ledger
	sibling  *sibling      // of another segment's, else nil
	entered  atomic.Bool   // everything above is there to read
	says     atomic.Uint64 // the content that was sent
	// genuine is the checksum, plus one, of data that came and was found to say what was sent: what most receivers get is
	// the same bytes, and need not be read again.
	genuine atomic.Uint64
}

const refusedMark = -1

// place is where a publication stands in a channel's log.
type place struct {
	channel *channelBook
	index   int
	latency Series
	came    Series
	// next is the sender's next whisper in the channel.
	next atomic.Pointer[Publication]
}

// Sending is a publication about to go out.
type Sending struct {
	Event    string
	Channels []string
	Due      time.Time // when the plan wanted it sent: latency counts from here
	At       time.Time // just before it is written
	// Sender does not get it: the whisperer, or whose socket id toOthers leaves out. nil: nobody is left out.
	Sender  *LedgerClient
	Whisper bool
}

// Send enters a publication and gives it its number. Channels named twice count once.
func (l *Ledger) Send(s Sending) *Publication {
	source := "http"
	if s.Whisper {
		source = "whisper"
	}
	books := make([]*channelBook, 0, len(s.Channels))
	for _, name := range s.Channels {
		books = append(books, l.channel(name, ""))
	}
	l.mu.Lock()
	n := l.next
	l.next++
	chunks := *l.chunks.Load()
	if n%chunkSize == 0 {
		grown := make([]*[chunkSize]Publication, len(chunks), len(chunks)+1)
		copy(grown, chunks)
		grown = append(grown, new([chunkSize]Publication))
		l.chunks.Store(&grown)
		chunks = grown
	}
	p := &chunks[n/chunkSize][n%chunkSize]
	l.mu.Unlock()
	p.n, p.event, p.whisper, p.sender, p.ledger = n+1, s.Event, s.Whisper, s.Sender, l
	p.due, p.sent = l.since(s.Due), l.since(s.At)
	if s.Sender != nil {
		p.connection = s.Sender.connection()
	}
	p.places = make([]place, 0, len(books))
	for _, book := range books {
		if p.in(book) != nil {
			continue
		}
		kind := book.kind
		if kind == "" {
			kind = KindOf(book.name)
		}
		p.places = append(p.places, place{channel: book,
			latency: l.registry.Series(DeliveryLatency, Tag{"kind", kind}, Tag{"event", s.Event}, Tag{"source", source}),
			came:    l.registry.Series(Delivered, Tag{"kind", kind}, Tag{"event", s.Event}, Tag{"source", source})})
	}
	for i := range p.places {
		at := &p.places[i]
		at.channel.mu.Lock()
		at.index = len(at.channel.log)
		at.channel.log = append(at.channel.log, p)
		at.channel.mu.Unlock()
		if p.whisper && s.Sender != nil {
			s.Sender.follow(at, p)
		}
	}
	p.entered.Store(true)
	if s.Whisper {
		l.counts[countWhispers].Add(1)
	} else {
		l.counts[countPublished].Add(1)
	}
	return p
}

// N is the publication's number in this run, from 1.
func (p *Publication) N() uint64 { return p.n }

// Mark puts the mark into a payload; ok is false when it is not a JSON object: its deliveries cannot be checked then,
// and the publication must be forgotten with Unmarked.
func (p *Publication) Mark(payload []byte) (marked []byte, ok bool) {
	if marked, ok = withMark(payload, p.ledger.cfg.Run, p.n, time.Duration(p.due)); ok {
		p.says.Store(uint64(contentOf(marked)))
	}
	return marked, ok
}

// isGenuine tells whether data that came says what was sent.
func (p *Publication) isGenuine(data []byte) bool {
	sum := uint64(checksum(data)) + 1
	if p.genuine.Load() == sum {
		return true
	}
	if !content(p.says.Load()).says(data) {
		return false
	}
	p.genuine.Store(sum)
	return true
}

// Accepted says that the server took it: 200 over HTTP; for a whisper, that it was written.
func (p *Publication) Accepted(at time.Time) {
	if p.accepted.CompareAndSwap(0, p.ledger.since(at)) && !p.whisper {
		p.ledger.counts[countAccepted].Add(1)
	}
}

// Refused says that the server did not take it: nobody may get it. Without either answer nothing is known: its deliveries
// are neither due nor wrong.
func (p *Publication) Refused() {
	if p.accepted.CompareAndSwap(0, refusedMark) && !p.whisper {
		p.ledger.counts[countRefused].Add(1)
	}
}

func (p *Publication) in(c *channelBook) *place {
	for i := range p.places {
		if p.places[i].channel == c {
			return &p.places[i]
		}
	}
	return nil
}

// publication looks one up by its number; nil when there is none.
func (l *Ledger) publication(n uint64) *Publication {
	chunks := *l.chunks.Load()
	if n == 0 || (n-1)/chunkSize >= uint64(len(chunks)) {
		return nil
	}
	p := &chunks[(n-1)/chunkSize][(n-1)%chunkSize]
	if !p.entered.Load() {
		return nil
	}
	return p
}
