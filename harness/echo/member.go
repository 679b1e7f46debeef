package echo

import (
	"slices"
	"strconv"

	"echolab/emulator/rawjson"
)

// Member is one user in a presence channel.
type Member struct {
	ID string
	// Info is user_info as JSON; nil where there was none.
	Info []byte
}

// people keeps one copy of each id and info that a loop's clients know: two thousand clients with two thousand members
// each hold numbers, eight bytes a member.
type people struct {
	index map[string]uint32
	texts []string
}

// of is the number of a text; nil has 0.
func (p *people) of(b []byte) uint32 {
	if b == nil {
		return 0
	}
	if i, ok := p.index[string(b)]; ok {
		return i
	}
	if p.index == nil {
		p.index = map[string]uint32{}
		p.texts = []string{""}
	}
	s := string(b)
	p.texts = append(p.texts, s)
	p.index[s] = uint32(len(p.texts) - 1)
	return uint32(len(p.texts) - 1)
}

func (p *people) text(i uint32) string {
	if i == 0 {
		return ""
	}
	return p.texts[i]
}

// roster is pusher-js' Members.
type roster struct {
	list  []membership // in the order in which they came
	count int
	me    string
	self  membership // me, as the list had me at first
	known bool       // it did
	array bool       // hash was a JSON list
}

type membership struct{ id, info uint32 }

// fill is onSubscription: the list is what the server says, the count too.
func (r *roster) fill(l *loop, data []byte) error {
	presence := field(data, "presence")
	if len(presence) == 0 || string(presence) == "null" {
		return errNoData
	}
	hash := field(presence, "hash")
	r.count, _ = number(field(presence, "count"))
	r.list, r.array, r.known = r.list[:0], false, false
	add := func(key, info []byte) {
		m := membership{l.people.of(key), l.people.of(info)}
		for i := range r.list {
			if r.list[i].id == m.id {
				r.list[i] = m
				return
			}
		}
		r.list = append(r.list, m)
	}
	if known := r.count; known > 0 && known < 1<<16 && cap(r.list) < known {
		r.list = make([]membership, 0, known)
	}
	r.array = elements(hash, func(info []byte) { add(strconv.AppendInt(nil, int64(len(r.list)), 10), info) })
	if r.array {
		r.recognise(l)
		return nil
	}
	var key []byte
	unique := map[uint32]struct{}{} // JSON has each id once; a list of thousands isn't searched for each
	members(hash, func(quoted, info []byte) {
		key = rawjson.Unquote(key[:0], quoted)
		m := membership{l.people.of(key), l.people.of(info)}
		if _, twice := unique[m.id]; twice {
			add(key, info)
			return
		}
		unique[m.id] = struct{}{}
		r.list = append(r.list, m)
	})
	r.recognise(l)
	return nil
}

// recognise finds oneself in the list.
func (r *roster) recognise(l *loop) {
	if i := r.find(l.people.of([]byte(r.me))); i >= 0 {
		r.self, r.known = r.list[i], true
	}
}

func (r *roster) find(id uint32) int {
	for i := range r.list {
		if r.list[i].id == id {
			return i
		}
	}
	return -1
}

func (ch *Channel) added(e *Event) {
	data := e.Data()
	if ch.c.opt.NoMembers {
		return
	}
	id, info := memberKey(field(data, "user_id")), field(data, "user_info")
	p, r := &ch.c.loop.people, ch.presence
	m := membership{p.of(id), p.of(info)}
	if i := r.find(m.id); i >= 0 {
		r.list[i] = m
	} else {
		r.count++
		r.list = append(r.list, m)
	}
	ch.emit(addedEvent, e, Member{string(id), clone(info)})
}

func (ch *Channel) removed(e *Event) {
	if ch.c.opt.NoMembers {
		return
	}
	id := memberKey(field(e.Data(), "user_id"))
	p, r := &ch.c.loop.people, ch.presence
	i := r.find(p.of(id))
	if i < 0 {
		return
	}
	m := r.list[i]
	r.list = slices.Delete(r.list, i, i+1)
	r.count--
	ch.emit(removedEvent, e, p.member(m))
}

func (p *people) member(m membership) Member {
	out := Member{ID: p.text(m.id)}
	if m.info != 0 {
		out.Info = []byte(p.text(m.info))
	}
	return out
}

// memberKey is a user_id as the key of a JavaScript object.
func memberKey(value []byte) []byte {
	switch {
	case value == nil:
		return []byte("undefined")
	case value[0] == '"':
		return rawjson.Unquote(nil, value)
	}
	return value
}

// Members are those of a presence channel, in JavaScript's order: integers ascending, then the others as they came.
func (ch *Channel) Members() []Member {
	if ch.presence == nil {
		return nil
	}
	out := make([]Member, 0, len(ch.presence.list))
	for _, m := range ch.presence.list {
		out = append(out, ch.c.loop.people.member(m))
	}
	slices.SortStableFunc(out, func(a, b Member) int {
		x, isX := arrayIndex(a.ID)
		y, isY := arrayIndex(b.ID)
		switch {
		case isX && isY:
			return int(int64(x) - int64(y))
		case isX:
			return -1
		case isY:
			return 1
		}
		return 0
	})
	return out
}

// MemberIDs calls f with the id of each member, in no order, without building a list.
func (ch *Channel) MemberIDs(f func(id string)) {
	if ch.presence == nil {
		return
	}
	for _, m := range ch.presence.list {
		f(ch.c.loop.people.text(m.id))
	}
}

// MemberCount is what pusher-js counts: the server's count, and what was added and removed since. It can differ from the
// number of members.
func (ch *Channel) MemberCount() int {
	if ch.presence == nil {
		return 0
	}
	return ch.presence.count
}

// MyID is one's own user_id in a presence channel, "" where it is not known.
func (ch *Channel) MyID() string {
	if ch.presence == nil {
		return ""
	}
	return ch.presence.me
}

// Me is pusher-js' members.me: oneself as the server's list had it at the confirmation, nil where it hadn't.
func (ch *Channel) Me() *Member {
	if ch.presence == nil || !ch.presence.known {
		return nil
	}
	m := ch.c.loop.people.member(ch.presence.self)
	return &m
}

// arrayIndex tells whether a key is one of those that JavaScript sorts as numbers.
func arrayIndex(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil && n < 1<<32-1 && strconv.FormatUint(n, 10) == s
}

// number reads a JSON integer.
func number(value []byte) (int, bool) {
	n, err := strconv.Atoi(string(value))
	return n, err == nil
}

func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b...)
}
