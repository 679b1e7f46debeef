package pusher

import "strconv"

// Error is what a peer is told when something is refused: the data of a pusher:error frame and, where the connection
// ends, the code of the close frame. Code 0 is written as null (Pusher docs: Error codes).
type Error struct {
	Code    int
	Message string
}

func (e *Error) Error() string {
	if e.Code == 0 {
		return e.Message
	}
	return strconv.Itoa(e.Code) + " " + e.Message
}

// The errors with Reverb's exact words. Codes: Pusher docs, Channels protocol, Error codes.
var (
	ErrNoApp           = &Error{4001, "Application does not exist"}
	ErrQuota           = &Error{4004, "Application is over connection quota"}
	ErrProtocol        = &Error{4007, "Unsupported protocol version"}
	ErrNoProtocol      = &Error{4008, "No protocol version supplied"}
	ErrOrigin          = &Error{4009, "Origin not allowed"}
	ErrUnauthorized    = &Error{4009, "Connection is unauthorized"}
	ErrNotMember       = &Error{4009, "The client is not a member of the specified channel."}
	ErrTerminated      = &Error{4009, "You got disconnected by the app."}
	ErrOverCapacity    = &Error{4100, "The client reads too slowly"}
	ErrRestart         = &Error{4100, "The server is shutting down"}
	ErrMessage         = &Error{4200, "Invalid message format"}
	ErrPong            = &Error{4201, "Pong reply not received in time"}
	ErrRateLimit       = &Error{4301, "Rate limit exceeded"}
	ErrNoClientEvents  = &Error{4301, "The app does not have client messaging enabled."}
	ErrClientRate      = &Error{4301, "Client event rejected: more than 10 a second"}
	ErrClientPublic    = &Error{4301, "Client event rejected: only supported on private and presence channels"}
	ErrClientEncrypted = &Error{4301, "Client event rejected: not supported on encrypted channels"}
	ErrWatchlist       = &Error{4302, "Watchlist limit exceeded: only the first 100 ids are watched"}
)

// Backoff is the same error with a code on which pusher-js comes back after a second: a 43xx close would keep it
// away for good.
func (e *Error) Backoff() *Error { return &Error{4100, e.Message} }
