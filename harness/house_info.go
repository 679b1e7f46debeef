package harness

import (
	"fmt"
	"strings"
	"time"

	"echolab/harness/echo"
)

// Said says with which user_info the member goes in, by what was signed for it; user is the signed user_id. Another
// connection of the same member may have another: a server tells either.
func (s *Stay) Said(user string, info []byte) {
	r := s.room
	r.mu.Lock()
	defer r.mu.Unlock()
	if user == "" {
		return // nothing was signed
	}
	who := r.members[r.memberLocked(user)]
	if who.infos == nil {
		who.infos = make(map[content]string, 1)
	}
	who.infos[infoOf(info)] = infoText(info)
}

// Introduced says with which user_info the client was told of a member who came. It is held against what the members of
// the run joined with; of others nothing is known.
func (s *Stay) Introduced(user string, info []byte, at time.Time) {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	s.room.holdLocked(s, []byte(user), info, "member_added", at)
}

// Listed is Introduced for all members of here; hash is its JSON, user_info by user_id.
func (s *Stay) Listed(hash []byte, at time.Time) {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	echo.Hash(hash, func(user, info []byte) { s.room.holdLocked(s, user, info, "here", at) })
}

func (r *room) holdLocked(s *Stay, user, info []byte, where string, at time.Time) {
	m, known := r.index[string(user)] // looks up without allocating
	if !known {
		return
	}
	who := r.members[m]
	if len(who.infos) == 0 {
		return
	}
	bytes := content(checksum(info)) << 32
	if _, genuine := who.infos[bytes]; genuine { // most are told the same
		return
	}
	meaning := uint32(infoOf(info))
	joined := ""
	for known, text := range who.infos {
		if text != "" && uint32(known) == meaning {
			who.infos[bytes] = ""
			return
		}
		joined = max(joined, text)
	}
	r.house.wrongedLocked("altered", r, s, who.id, r.house.since(at), fmt.Sprintf("%s says %s of a member who joined with %s", where, infoText(info), joined))
}

// infoText is a user_info for people.
func infoText(info []byte) string {
	text := strings.Join(strings.Fields(string(info)), " ")
	switch {
	case text == "":
		return "nothing"
	case len(text) > 200:
		return strings.ToValidUTF8(text[:200], "") + "…"
	}
	return text
}

// infoOf is what a user_info says. None, null, {} and [] say the same: nothing.
func infoOf(info []byte) content {
	switch string(info) {
	case "", "null", "[]":
		return contentOf([]byte("{}"))
	}
	return contentOf(info)
}
