package harness

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// share is what one segment knows of the deliveries between segments: what it sent, and what came here of what others
// sent. It travels in the segment's result as Result.Share, packed: most of it repeats itself. Instants are in ns since
// the segment's start.
type share struct {
	Run      string `json:"run"`
	Grace    int64  `json:"grace"`
	Patience int64  `json:"patience"`
	// Until is when what was accepted before has certainly come, or is lost.
	Until    int64          `json:"until"`
	Sent     []sentShare    `json:"sent"`
	Channels []channelShare `json:"channels"`
}

// sentShare is a publication that the segment sent.
type sentShare struct {
	N        uint64   `json:"n"`
	Event    string   `json:"event"`
	Channels []string `json:"channels"`
	Sent     int64    `json:"sent"`
	Accepted int64    `json:"accepted"` // 0 not known, refusedMark
	Whisper  bool     `json:"whisper,omitempty"`
	Says     content  `json:"says"`
}

// channelShare is what came in a channel of other segments, and to whom.
type channelShare struct {
	Name  string      `json:"name"`
	Came  []cameShare `json:"came"`
	Stays []stayShare `json:"stays"`
	// Strays came to clients without a subscription.
	Strays []strayShare `json:"strays,omitempty"`
}

type cameShare struct {
	Run   string    `json:"run"`
	N     uint64    `json:"n"`
	Event string    `json:"event"`
	Says  content   `json:"says"` // the first
	Other []version `json:"other,omitempty"`
	Count int64     `json:"count"`
}

// stayShare is one subscription.
type stayShare struct {
	Client    string `json:"client"`
	Socket    string `json:"socket"`
	Asked     int64  `json:"asked"`
	Confirmed int64  `json:"confirmed"`
	Left      int64  `json:"left"`
	Cut       bool   `json:"cut,omitempty"`
	// Deaf are the times in which the client was told not to read.
	Deaf [][2]int64 `json:"deaf,omitempty"`
	// Got has a bit for each of Came, the lowest first.
	Got []byte `json:"got"`
	// Overtaken are some of Came that followed a higher number, with that number.
	Overtaken []overtakenShare `json:"overtaken,omitempty"`
}

type overtakenShare struct {
	Came int    `json:"came"`
	By   uint64 `json:"by"`
}

type strayShare struct {
	Came   int    `json:"came"`
	Client string `json:"client"`
	Socket string `json:"socket"`
	At     int64  `json:"at"`
	Last   bool   `json:"last"` // it had a subscription before, of these instants; Left 0: it has one
	Asked  int64  `json:"asked,omitempty"`
	Left   int64  `json:"left,omitempty"`
}

// share collects what Merge needs. until is as in share.
func (l *Ledger) share(until time.Time) share {
	out := share{Run: l.cfg.Run, Grace: l.grace.ns(), Patience: int64(l.cfg.Patience), Until: l.since(until), Sent: []sentShare{}, Channels: []channelShare{}}
	l.mu.Lock()
	sent, strays := l.next, l.strays
	books := make([]*channelBook, 0, len(l.channels))
	for _, book := range l.channels {
		books = append(books, book)
	}
	l.mu.Unlock()
	for n := uint64(1); n <= sent; n++ {
		if p := l.publication(n); p != nil {
			out.Sent = append(out.Sent, p.share())
		}
	}
	for _, book := range books {
		if c := book.share(strays); len(c.Stays)+len(c.Strays) > 0 {
			out.Channels = append(out.Channels, c)
		}
	}
	return out
}

func (p *Publication) share() sentShare {
	s := sentShare{N: p.n, Event: p.event, Sent: p.sent, Accepted: p.accepted.Load(), Whisper: p.whisper, Says: content(p.says.Load())}
	for i := range p.places {
		s.Channels = append(s.Channels, p.places[i].channel.name)
	}
	if p.whisper && p.sender != nil && p.sender.lostWithin(p.sent, p.sent+p.ledger.grace.ns()) {
		s.Accepted = 0
	}
	return s
}

func (b *channelBook) share(strays []stray) channelShare {
	b.mu.Lock()
	log, spans := b.log, b.spans
	b.mu.Unlock()
	c := channelShare{Name: b.name, Came: []cameShare{}, Stays: []stayShare{}}
	at := make(map[int]int) // in Came, by the index in the log
	for i, p := range log {
		if k := p.sibling; k != nil {
			at[i] = len(c.Came)
			k.mu.Lock()
			c.Came = append(c.Came, cameShare{Run: k.run, N: p.n, Event: p.event, Says: k.says, Other: k.other, Count: k.came.Load()})
			k.mu.Unlock()
		}
	}
	for _, s := range spans {
		s.client.mu.Lock()
		stay := stayShare{Client: s.client.name, Socket: s.client.socket, Got: make([]byte, (len(c.Came)+7)/8)}
		for _, d := range s.client.deaf {
			stay.Deaf = append(stay.Deaf, [2]int64{d.from, d.to})
		}
		s.client.mu.Unlock()
		s.mu.Lock()
		stay.Asked, stay.Confirmed, stay.Left, stay.Cut = s.asked, s.confirmed, s.left, s.cut
		for i := range log {
			if log[i].sibling != nil && s.hasLocked(i) {
				stay.Got[at[i]/8] |= 1 << (at[i] % 8)
			}
		}
		if s.order != nil {
			for _, o := range s.order.overtaken {
				stay.Overtaken = append(stay.Overtaken, overtakenShare{at[o.index], o.by})
			}
		}
		s.mu.Unlock()
		c.Stays = append(c.Stays, stay)
	}
	for _, s := range strays {
		if place := &s.p.places[0]; place.channel == b {
			s.client.mu.Lock()
			o := strayShare{Came: at[place.index], Client: s.client.name, Socket: s.client.socket, At: s.at, Last: s.last != nil}
			s.client.mu.Unlock()
			if s.last != nil {
				s.last.mu.Lock()
				o.Asked, o.Left = s.last.asked, s.last.left
				s.last.mu.Unlock()
			}
			c.Strays = append(c.Strays, o)
		}
	}
	return c
}

// maxShareBytes is how large a share is when it is unpacked, at most.
const maxShareBytes = 1 << 30

// pack writes a share for a result.
func (s share) pack() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_ = json.NewEncoder(z).Encode(s) // numbers and texts into memory
	_ = z.Close()
	return b.Bytes()
}

// unpackShare reads what pack wrote, and refuses what it cannot have written.
func unpackShare(packed []byte) (s share, err error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return s, err
	}
	if err := json.NewDecoder(io.LimitReader(z, maxShareBytes)).Decode(&s); err != nil {
		return s, err
	}
	for _, c := range s.Channels {
		fits := func(came int) bool { return came >= 0 && came < len(c.Came) }
		for _, stay := range c.Stays {
			if len(stay.Got) != (len(c.Came)+7)/8 {
				return s, fmt.Errorf("%s: %s has %d bytes for %d events", c.Name, stay.Client, len(stay.Got), len(c.Came))
			}
			for _, o := range stay.Overtaken {
				if !fits(o.Came) {
					return s, fmt.Errorf("%s: there is no event %d", c.Name, o.Came)
				}
			}
		}
		for _, o := range c.Strays {
			if !fits(o.Came) {
				return s, fmt.Errorf("%s: there is no event %d", c.Name, o.Came)
			}
		}
	}
	return s, nil
}
