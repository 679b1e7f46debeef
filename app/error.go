package app

// Code says what kind of failure an Error is. The command line turns it into an exit code, the API into a status.
type Code string

const (
	// Invalid is a wrong flag, setting or file: the caller can put it right and try again.
	Invalid Code = "invalid"
	// Busy is an address that another program listens on.
	Busy Code = "busy"
	// NotFound is something named that is not there.
	NotFound Code = "not_found"
	// Gone is something that was there when the question was asked, and was taken away meanwhile.
	Gone Code = "gone"
	// Conflict is something that is there already, or may not be changed.
	Conflict Code = "conflict"
	// Away is a store, or a server, that cannot answer now.
	Away Code = "away"
	// Refused is a no from another server, in its words.
	Refused Code = "refused"
)

// Error is a failure that a person caused or can end.
type Error struct {
	Code    Code
	Message string // what, where and what to do; one line for each problem
	Err     error  // the cause, where there is one
}

func (e *Error) Error() string { return e.Message }

func (e *Error) Unwrap() error { return e.Err }
