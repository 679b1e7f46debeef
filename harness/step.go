package harness

import (
	"context"
	"time"
)

// Action is what a step does, for one virtual user. An error is counted under the step's kind and ends the iteration; it
// does not end the user.
type Action interface {
	Run(ctx context.Context, u *User) error
}

// StepKind is one row of the table of steps. Its fields, their help and the JSON Schema come from the struct that New
// returns: tag yaml names a field, help says what it is, short marks the one that `- kind: value` sets, required is
// "true" where it must be there.
type StepKind struct {
	Name string
	Help string
	// Example is the step as one line of YAML, for the documents; a test reads each.
	Example string
	New     func() Action
	// Block says that it holds steps of its own.
	Block bool
}

// Steps is every step there is, and the one place to add one.
var Steps = []*StepKind{
	{Name: "connect", Help: "open the connection and wait until it is established", Example: "connect", New: func() Action { return &Connect{} }},
	{Name: "channel", Help: "subscribe to a public channel", Example: "channel: portal", New: func() Action { return &Subscribe{kind: "public"} }},
	{Name: "private", Help: "subscribe to a private channel, named without private-", Example: "private: client.5", New: func() Action { return &Subscribe{kind: "private"} }},
	{Name: "encrypted", Help: "subscribe to an encrypted channel, named without private-encrypted-", Example: "encrypted: vault.9", New: func() Action { return &Subscribe{kind: "encrypted"} }},
	{Name: "join", Help: "join a presence channel, named without presence-", Example: "join: office", New: func() Action { return &Subscribe{kind: "presence"} }},
	{Name: "listen", Help: "bind a listener as Echo's .listen() does", Example: "listen: {channel: private-client.5, event: .InvoiceCreated}", New: func() Action { return &Listen{} }},
	{Name: "notification", Help: "bind a listener as Echo's .notification() does", Example: "notification: private-App.Models.User.7", New: func() Action { return &OnNotification{} }},
	{Name: "whisper", Help: "send a client event", Example: "whisper: {channel: presence-office, event: typing, data: {name: Ada}}", New: func() Action { return &Whisper{} }},
	{Name: "publish", Help: "publish over the HTTP API, as the application does", Example: "publish: {channel: private-client.5, event: InvoiceCreated, payload: {id: 1}}", New: func() Action { return &Publish{} }},
	{Name: "emit", Help: "publish an event of the application's catalogue", Example: "emit: {event: InvoiceCreated, params: {clientId: 5}}", New: func() Action { return &Emit{} }},
	{Name: "notify", Help: "notify users in the emulated application: the stored row first, then the broadcast", Example: `notify: {users: [7], title: Invoice paid, message: INV-1 is paid, type: App\Notifications\InvoicePaid}`, New: func() Action { return &Notify{} }},
	{Name: "workflow", Help: "send a workflow's notification in the emulated application, in either format, or one that it describes by its name", Example: "workflow: {to: admin, title: Stage changed, body: \"{client} moved on\", data: {client: Acme}}", New: func() Action { return &SendWorkflow{} }},
	{Name: "http", Help: "send a request to the application; the embedded emulator's takes it for that of user.id, others as target.auth says", Example: "http: {post: /api/comments, json: {project_id: 7, body: hello}}", New: func() Action { return &HTTPStep{} }},
	{Name: "think", Help: "wait, as a person does", Example: "think: 2s..5s", New: func() Action { return &Think{} }},
	{Name: "repeat", Help: "run steps several times, or for some time", Example: "repeat: {times: 3, every: 1s, steps: [think: 1ms]}", New: func() Action { return &Repeat{} }, Block: true},
	{Name: "expect", Help: "wait for an event, or for members, or that nothing comes", Example: "expect: {channel: private-client.5, event: InvoiceCreated, within: 2s}", New: func() Action { return &Expect{} }},
	{Name: "leave", Help: "leave a channel, with its private and presence namesakes, as Echo's .leave() does", Example: "leave: client.5", New: func() Action { return &Leave{} }},
	{Name: "disconnect", Help: "close the connection", Example: "disconnect", New: func() Action { return &Disconnect{} }},
	{Name: "reconnect", Help: "lose the connection without a word and come back as pusher-js does", Example: "reconnect", New: func() Action { return &Reconnect{} }},
	{Name: "slow", Help: "read slowly from now on, or for some time", Example: "slow: {bytesPerSecond: 1000, for: 10s}", New: func() Action { return &Slow{} }},
	{Name: "set", Help: "set variables of this user", Example: "set: {draft: \"{{ int(1, 9) }}\"}", New: func() Action { return &Set{} }},
}

// The steps' fields. Text, Value and Wait may hold templates.

// Connect is the step connect.
type Connect struct {
	Within time.Duration `yaml:"within" help:"how long to wait for the connection (default 10s)"`
}

// Subscribe is the steps channel, private, encrypted and join.
type Subscribe struct {
	kind    string
	Channel Text          `yaml:"channel" short:"true" required:"true" help:"the channel's name, as Echo is given it; the wire's prefix is allowed too"`
	Within  time.Duration `yaml:"within" help:"how long to wait for the answer (default 10s)"`
	Refused bool          `yaml:"refused" help:"the server, or the application, must refuse it"`
}

// Listen is the step listen.
type Listen struct {
	Channel Text `yaml:"channel" required:"true" help:"the channel, with the wire's prefix"`
	Event   Text `yaml:"event" short:"true" required:"true" help:"as .listen() is given it: with a leading dot for a name of broadcastAs"`
}

// OnNotification is the step notification.
type OnNotification struct {
	Channel Text `yaml:"channel" short:"true" required:"true" help:"the user's channel, with the wire's prefix"`
}

// Whisper is the step whisper.
type Whisper struct {
	Channel Text  `yaml:"channel" required:"true" help:"the channel, with the wire's prefix"`
	Event   Text  `yaml:"event" required:"true" help:"the name without client-"`
	Data    Value `yaml:"data" help:"what is sent; an object is checked at its receivers"`
}

// Publish is the step publish.
type Publish struct {
	Channel  Text   `yaml:"channel" help:"the channel, with the wire's prefix"`
	Channels []Text `yaml:"channels" help:"several"`
	Event    Text   `yaml:"event" required:"true" help:"the name on the wire"`
	Payload  Value  `yaml:"payload" of:"payloads" help:"what is sent, or the name of one of payloads"`
	ToOthers bool   `yaml:"toOthers" help:"leave this user's own socket out"`
}

// Emit is the step emit.
type Emit struct {
	Event    Text             `yaml:"event" short:"true" required:"true" help:"the name in the catalogue"`
	Params   map[string]Value `yaml:"params" help:"what its channels need, such as clientId"`
	Set      map[string]Value `yaml:"set" help:"fields of the payload, by path"`
	ToOthers bool             `yaml:"toOthers" help:"leave this user's own socket out"`
}

// HTTPRequest is a request to the application.
type HTTPRequest struct {
	Get     Text            `yaml:"get" help:"path or URL"`
	Post    Text            `yaml:"post" help:"path or URL"`
	Put     Text            `yaml:"put" help:"path or URL"`
	Patch   Text            `yaml:"patch" help:"path or URL"`
	Delete  Text            `yaml:"delete" help:"path or URL"`
	JSON    Value           `yaml:"json" help:"body"`
	Form    map[string]Text `yaml:"form" help:"body, as a form"`
	Headers map[string]Text `yaml:"headers" help:"besides those of the user"`
	Status  int             `yaml:"status" help:"the status that must come (default: 200 to 299)"`
	Timeout time.Duration   `yaml:"timeout" help:"(default 30s)"`
	Save    map[string]Text `yaml:"save" help:"variables from the answer: name: path, such as id: data.id"`
}

// HTTPStep is the step http.
type HTTPStep struct {
	HTTPRequest `yaml:",inline"`
}

// Think is the step think.
type Think struct {
	For Wait `yaml:"for" short:"true" required:"true" help:"a duration, or a range such as 2s..5s"`
}

// Repeat is the step repeat.
type Repeat struct {
	Times int           `yaml:"times" help:"how often (default: for as long as the user works, or as 'for' says)"`
	For   time.Duration `yaml:"for" help:"for how long"`
	Every Wait          `yaml:"every" help:"from one beginning to the next; an open schedule, which slowness does not shift"`
	Steps []Step        `yaml:"steps" required:"true" help:"what to do"`
}

// Expect is the step expect.
type Expect struct {
	Channel Text          `yaml:"channel" required:"true" help:"the channel, with the wire's prefix"`
	Event   Text          `yaml:"event" help:"the name on the wire of an event that must come"`
	Where   *Expr         `yaml:"where" help:"what must hold of it: data is its payload"`
	Count   int           `yaml:"count" help:"how many must come (default 1)"`
	Members *int          `yaml:"members" help:"how many members the channel must have"`
	Member  Text          `yaml:"member" help:"a user_id that must be among them"`
	Nothing bool          `yaml:"nothing" help:"no such event may come"`
	Since   string        `yaml:"since" values:"now,begin" help:"now, or begin: what came since the iteration began counts too, with the setup in the first one (default begin)"`
	Within  time.Duration `yaml:"within" help:"how long to wait (default 5s)"`
}

// Leave is the step leave.
type Leave struct {
	Channel Text `yaml:"channel" short:"true" required:"true" help:"the name without a prefix: all variants are left; with one: only that"`
}

// Disconnect is the step disconnect.
type Disconnect struct{}

// Reconnect is the step reconnect.
type Reconnect struct {
	Share  Value         `yaml:"share" help:"the part of the users who do it, 0 to 1 (default 1)"`
	Within time.Duration `yaml:"within" help:"how long everything may take until all channels are subscribed again (default 30s)"`
}

// Slow is the step slow.
type Slow struct {
	BytesPerSecond int           `yaml:"bytesPerSecond" required:"true" help:"how much is read; 0 is nothing at all"`
	For            time.Duration `yaml:"for" help:"for how long (default: to the end)"`
}

// Set is the step set.
type Set struct {
	Values map[string]Value `yaml:",inline" help:"names and values"`
}
