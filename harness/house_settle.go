package harness

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// settling collects a House's verdict.
type settling struct {
	mu       sync.Mutex
	counts   map[string]int64
	evidence map[string][]PresenceEvidence
}

// presenceKinds is what can be wrong: how it is called, and what counts it.
var presenceKinds = []struct {
	what   string
	metric *Metric
	tags   []Tag
}{
	{"ghost", PresenceGhosts, nil},
	{"missed join", PresenceMissed, []Tag{{"change", "join"}}},
	{"missed leave", PresenceMissed, []Tag{{"change", "leave"}}},
	{"duplicate join", PresenceTwice, []Tag{{"change", "join"}}},
	{"duplicate leave", PresenceTwice, []Tag{{"change", "leave"}}},
	{"drift", PresenceDrift, nil},
	{"altered", PresenceAltered, nil},
}

func (h *House) wrongedLocked(what string, r *room, s *Stay, user string, at int64, why string) {
	for _, kind := range presenceKinds {
		if kind.what == what {
			h.rec.Add(h.registry.Series(kind.metric, kind.tags...), 1)
		}
	}
	if isCache(r.name) {
		why += "; Reverb sends the last event of a presence-cache channel to who enters it, and that can be an old coming or going"
	}
	h.found.mu.Lock()
	defer h.found.mu.Unlock()
	h.found.counts[what]++
	if len(h.found.evidence[what]) < maxEvidence {
		h.found.evidence[what] = append(h.found.evidence[what],
			PresenceEvidence{What: what, Channel: r.name, Member: user, Client: s.client, AtMS: float64(at) / 1e6, Why: why})
	}
}

// Settle counts everything and is the end. Call it when nothing moves any more: no client comes or goes, and all that
// will be told has been.
func (h *House) Settle(now time.Time) PresenceResult {
	end := h.since(now)
	var result PresenceResult
	h.each(func(r *room) {
		result.Checked = true
		for _, who := range r.members {
			for _, c := range who.changes {
				switch {
				case c.void || c.stranger:
				case c.unsure:
					result.Unsure++
				case c.join:
					result.Joins++
				default:
					result.Leaves++
				}
				if !c.void && !c.unsure && !c.stranger && (c.done || c.have >= c.need) {
					result.Told++
				}
			}
		}
		for _, s := range r.stays {
			if s.confirmed > 0 {
				result.Unread += r.judgeLocked(s, end)
			}
		}
		r.agreeLocked(end)
	})
	h.rec.Add(h.registry.Series(Joins, Tag{"change", "join"}), result.Joins)
	h.rec.Add(h.registry.Series(Joins, Tag{"change", "leave"}), result.Leaves)
	h.found.mu.Lock()
	defer h.found.mu.Unlock()
	n := h.found.counts
	result.Ghosts, result.Drift, result.Altered = n["ghost"], n["drift"], n["altered"]
	result.Missed = n["missed join"] + n["missed leave"]
	result.Twice = n["duplicate join"] + n["duplicate leave"]
	result.Evidence = []PresenceEvidence{}
	for _, kind := range presenceKinds {
		result.Evidence = append(result.Evidence, h.found.evidence[kind.what]...)
	}
	return result
}

// judgeLocked holds what one client was told, and what it believes at the end, against what happened. notRead is how much
// of it lies where the client was told not to read.
func (r *room) judgeLocked(s *Stay, end int64) (notRead int64) {
	grace := r.house.grace.ns()
	left := s.left
	if left == 0 {
		left = end + grace
	}
	for m, who := range r.members {
		if m == s.member { // its own comings and goings are not told to it
			continue
		}
		var doubt [2]struct{ extra, mays, pairs int } // of the joins, of the leaves
		for i, join := range []bool{true, false} {
			must, may, pairs, unread := 0, int(who.wasDeaf), 0, 0
			for _, c := range who.changes {
				if c.void || c.join != join || c.begin > max(left+grace, s.heard) {
					continue
				}
				tail := grace
				if c.stranger {
					tail = 2 * grace // what came last may still be on its way to others
				}
				if !c.unsure && c.owedLocked(s) && c.begin+tail < left && s.unread(c.begin, left, grace) {
					unread++
				} else if !c.unsure && c.owedLocked(s) && c.begin+tail < left {
					must++
				} else if c.stranger && c.begin+grace >= s.asked {
					may++
				} else if c.stranger {
					continue
				} else if c.unsure || c.begin > s.confirmed || c.endLocked(grace) >= s.asked {
					may++
					if c.pair != nil && c.unsure && !c.pair.void && c.owedLocked(s) && c.pair.owedLocked(s) && max(c.begin, c.pair.begin)+grace < left {
						pairs++
					}
				}
			}
			told, what := 0, "leave"
			may += unread
			if list := s.leaves; !join && m < len(list) {
				told = int(list[m])
			}
			if join {
				what = "join"
				if m < len(s.joins) {
					told = int(s.joins[m])
				}
			}
			notRead += int64(max(0, unread-max(0, told-must)))
			doubt[i].extra, doubt[i].mays, doubt[i].pairs = told-must, may, pairs
			switch {
			case told < must:
				r.house.wrongedLocked("missed "+what, r, s, who.id, end, fmt.Sprintf("it was told %d of %d while it was there", told, must))
			case told > must+may:
				r.house.wrongedLocked("duplicate "+what, r, s, who.id, end, fmt.Sprintf("it was told %d, there were %d", told, must+may))
			}
		}
		if joins, leaves := doubt[0], doubt[1]; joins.mays == joins.pairs && leaves.mays == leaves.pairs && joins.pairs == leaves.pairs {
			r.pairedLocked(s, who, joins.extra, leaves.extra, joins.pairs, end)
		}
	}
	if s.left > 0 || s.isDeaf() {
		return notRead
	}
	var absent []string
	for m, who := range r.members {
		if r.house.stranger(who) {
			continue
		}
		must, may := r.insideLocked(m, end-1, end)
		switch listed := s.listed.has(m); {
		case listed && !may:
			why := "it lists somebody who was never there"
			if who.leftLast > 0 {
				why = "it still lists a member who left " + ago(end-who.leftLast)
			}
			r.house.wrongedLocked("ghost", r, s, who.id, end, why)
		case !listed && must:
			absent = append(absent, who.id)
		}
	}
	if len(absent) > 0 {
		r.house.wrongedLocked("drift", r, s, absent[0], end, "at the end it does not list "+few(absent)+", who are there")
	}
	return notRead
}

// pairedLocked holds what a client was told of changes that the server saw in pairs or not at all: so many joins and leaves
// beyond those that were certain.
func (r *room) pairedLocked(s *Stay, who *member, joins, leaves, pairs int, end int64) {
	if joins < 0 || joins > pairs || leaves < 0 || leaves > pairs {
		return // counted already
	}
	for ; leaves > joins; joins++ {
		r.house.wrongedLocked("missed join", r, s, who.id, end, "it was told that the member went, and not that it was back at once")
	}
	for ; joins > leaves; leaves++ {
		r.house.wrongedLocked("missed leave", r, s, who.id, end, "it was told that the member came again, and not that it had gone before")
	}
}

func ago(ns int64) string { return time.Duration(ns).Round(time.Millisecond).String() + " before" }

// few is a list that stays readable.
func few(ids []string) string {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	if len(ids) > 5 {
		return fmt.Sprintf("%s and %d more", strings.Join(ids[:5], ", "), len(ids)-5)
	}
	return strings.Join(ids, ", ")
}
