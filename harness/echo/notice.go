package echo

import "time"

// Observer is told everything that happens to a client, on the client's loop, in the order in which it happens. The notice and
// what it points to are only valid during the call. An observer must not block: thousands of clients wait for it.
type Observer func(c *Client, n *Notice)

// NoticeKind says what happened.
type NoticeKind uint8

// The kinds, with the fields of Notice that they use.
const (
	// NoticeConnect: an attempt begins. URL.
	NoticeConnect NoticeKind = iota
	// NoticeOpen: the WebSocket is open, the server has yet to greet. URL.
	NoticeOpen
	// NoticeSocketError: an attempt failed; NoticeClosed follows. URL, Err.
	NoticeSocketError
	// NoticeClosed: a WebSocket has closed. URL, Code (1006 where TCP just ended, 1005 for none), Reason, Clean.
	NoticeClosed
	// NoticeState: the state has changed. Previous, State.
	NoticeState
	// NoticeConnected: the server has greeted; SocketID is new. Took is the time since the first attempt of this connecting
	// began; Again tells a return from the first time.
	NoticeConnected
	// NoticeRetry: the client will try again. Delay, and Seconds as pusher-js' connecting_in tells it, 0 where it is silent.
	NoticeRetry
	// NoticeError: pusher-js' error event. Problem.
	NoticeError
	// NoticeAuthBegin: the authorizer is asked. Channel, "" for the sign-in of the user.
	NoticeAuthBegin
	// NoticeAuthEnd: it has answered. Channel, Took, Answer.
	NoticeAuthEnd
	// NoticeSubscribe: the subscribe message goes out. Channel.
	NoticeSubscribe
	// NoticeSubscribed: the server has confirmed. Channel, Took since NoticeSubscribe, Event.
	NoticeSubscribed
	// NoticeSubscriptionError: pusher:subscription_error. Channel, Problem (Code is the status).
	NoticeSubscriptionError
	// NoticeUnsubscribe: the unsubscribe message goes out. Channel.
	NoticeUnsubscribe
	// NoticeWhisper: a client event goes out. Channel, Name.
	NoticeWhisper
	// NoticeEvent: a message of the server, every one that is none of the connection's own. Event, Channel; OnChannel tells
	// whether the client has that channel.
	NoticeEvent
	// NoticePing, NoticePong: the client's pusher:ping and pusher:pong go out.
	NoticePing
	NoticePong
	// NoticeUncaught: an exception that a page would not catch: a message that is no object. Err.
	NoticeUncaught
	// NoticeUndecryptable: an event of an encrypted channel that could not be read. Channel, Event, Err.
	NoticeUndecryptable
)

var noticeNames = [...]string{
	"connect", "open", "socket error", "closed", "state", "connected", "retry", "error", "auth begin", "auth end",
	"subscribe", "subscribed", "subscription error", "unsubscribe", "whisper", "event", "ping", "pong", "uncaught", "undecryptable",
}

func (k NoticeKind) String() string { return noticeNames[k] }

// Notice is one thing that happened to a client.
type Notice struct {
	Kind NoticeKind
	// At is when, with a monotonic reading: for what was received, when it was read from the socket.
	At      time.Time
	Channel string // wire name
	Name    string
	URL     string
	Code    int
	Reason  string
	Clean   bool
	Again   bool
	// OnChannel tells whether the event is of a channel that the client has.
	OnChannel       bool
	Seconds         int
	Delay, Took     time.Duration
	Previous, State State
	Event           *Event
	Problem         *Problem
	Answer          *Answer
	Err             error
}

// tell prepares a notice; nil where nobody listens. It is one for the whole loop, so that telling costs no memory.
func (c *Client) tell(kind NoticeKind) *Notice {
	if c.opt.Observer == nil {
		return nil
	}
	c.loop.notice = Notice{Kind: kind, At: c.loop.at()}
	return &c.loop.notice
}

func (c *Client) told(n *Notice) { c.opt.Observer(c, n) }

// Problem is what pusher-js gives to error callbacks.
type Problem struct {
	// Type is PusherError, WebSocketError, MessageParseError, HandshakeError or AuthError.
	Type string
	// Code is the error's, or the status of an AuthError; HasCode tells whether there was one: Pusher sends errors whose
	// code is null.
	Code    int
	HasCode bool
	Message string
	// Inner is the PusherError in a WebSocketError.
	Inner *Problem
	// Data is the data of a pusher:error message as it came, that which came instead of a greeting too; nil elsewhere.
	Data []byte
}

func (p *Problem) Error() string {
	if p.Inner != nil {
		return p.Type + ": " + p.Inner.Error()
	}
	if p.HasCode {
		return p.Type + " " + itoa(p.Code) + " " + p.Message
	}
	return p.Type + " " + p.Message
}
