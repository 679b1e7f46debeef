package harness

// PresenceResult is the house's verdict.
type PresenceResult struct {
	Checked bool  `json:"checked"`
	Joins   int64 `json:"joins"` // changes that others had to be told
	Leaves  int64 `json:"leaves"`
	Told    int64 `json:"told"` // of those, to all who had to know
	// Unsure are changes that nobody can judge: a member was gone for less than a second and came back on another connection,
	// and the server may have seen both or neither. Only that each client was told both or neither is checked.
	Unsure int64 `json:"unsure"`
	// Unread are tellings to clients that were told not to read (the step slow), beyond what they read: not judged.
	Unread int64 `json:"unread,omitempty"`
	Ghosts int64 `json:"ghosts"`
	Missed int64 `json:"missed"`
	Twice  int64 `json:"duplicate"`
	Drift  int64 `json:"drift"`
	// Altered are members who were told, or listed in here, with other user_info than they joined with.
	Altered int64 `json:"altered"`

	Evidence []PresenceEvidence `json:"evidence"`
}

// PresenceEvidence is one wrong belief about who is there.
type PresenceEvidence struct {
	What    string  `json:"what"` // ghost, missed join, missed leave, duplicate join, duplicate leave, drift, altered
	Channel string  `json:"channel"`
	Member  string  `json:"member"` // user_id
	Client  string  `json:"client"` // who believed it
	AtMS    float64 `json:"at_ms"`
	Why     string  `json:"why"`
}
