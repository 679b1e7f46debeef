package harness

// DeliveryResult is the ledger's verdict. Deliveries are counted, one for each event and client.
type DeliveryResult struct {
	Checked    bool  `json:"checked"` // false: nothing was published that could be told apart
	Published  int64 `json:"published"`
	Accepted   int64 `json:"accepted"`
	Refused    int64 `json:"refused"`
	Unanswered int64 `json:"unanswered"` // neither; its deliveries are neither due nor forbidden
	Whispers   int64 `json:"whispers"`

	Expected  int64 `json:"expected"`  // were due: subscribed before it was sent, there until a second after it was accepted
	Delivered int64 `json:"delivered"` // of those
	Uncertain int64 `json:"uncertain"` // came to somebody who was just coming or going: neither due nor wrong
	// Unread would have been due to clients that were told not to read (the step slow), and did not come as far as they read:
	// neither due nor wrong.
	Unread    int64 `json:"unread,omitempty"`
	Missing   int64 `json:"missing"`
	Duplicate int64 `json:"duplicate"`
	Reordered int64 `json:"reordered"`
	Leaked    int64 `json:"leaked"`
	Altered   int64 `json:"altered"` // came with other data than was sent
	Late      int64 `json:"late"`
	Foreign   int64 `json:"foreign"`
	// Siblings came of other segments' publications; they are part of the rest once segments are merged.
	Siblings int64 `json:"siblings,omitempty"`
	Unmarked int64 `json:"unmarked"` // events without a mark: not published by any run

	Evidence []Evidence `json:"evidence"`
}

// maxEvidence is how many cases of each kind of wrong delivery are kept in full; the rest is counted.
const maxEvidence = 20

// Evidence is one wrong delivery.
type Evidence struct {
	What    string  `json:"what"` // missing, duplicate, reordered, leaked, altered, late
	Channel string  `json:"channel"`
	Event   string  `json:"event"`
	N       uint64  `json:"n"`       // number of the publication in this run
	Client  string  `json:"client"`  // the virtual user: scenario/number
	Socket  string  `json:"socket"`  // its socket id at that time
	AtMS    float64 `json:"at_ms"`   // since the run's start: when it came, or was sent if it never did
	SentMS  float64 `json:"sent_ms"` // when it was sent
	Why     string  `json:"why"`     // in words
}
