package laravel

import "echolab/emulator/pusher"

// Application is what echolab.yaml says about the emulated Laravel application. It is not changed once a Backend has it;
// a changed file is a new Application (Backend.Use).
type Application struct {
	// Users are the cast, in the order of the file. The first is who asks when DefaultUser is "" and a page wants one.
	Users []User
	// Entities are the rows that the application begins with, by the plural of their type: clients, projects, invoices,
	// documents, files, comments, time_entries, workflows, timesheets or any other. Each row has an "id".
	Entities map[string][]Object
	// Channels are the rules of routes/channels.php, tried in order.
	Channels []Channel
	// Events override or extend the built-in catalogue, by name.
	Events []Event
	// Workflows are notification templates (protocol K.7), by name.
	Workflows []Workflow
	Auth      Auth
	Presence  Presence
	Documents Documents
	Queue     Queue
	History   History
	// Seed is what drawn payloads begin from: the same seed gives the same payloads. 0 is a seed like any other.
	Seed uint64
}

// User is one of the cast.
type User struct {
	ID     ID
	Name   string
	Avatar string // URL; "" is null in JSON
	Role   string // such as admin or client
	// Clients are the ids of the clients the user belongs to.
	Clients []ID
	// Token is a bearer token beside the id; "" for none.
	Token string
	// Fields are any further ones, for rules (user.team) and members.
	Fields Object
	// BroadcastID is what getAuthIdentifierForBroadcasting() gives where the model has its own; the zero ID: ID.
	BroadcastID ID
}

// Channel is one Broadcast::channel('pattern', rule).
type Channel struct {
	// Pattern is Laravel's: client.{clientId}. Prefixes of the wire (private-, presence-) are not part of it.
	Pattern string
	// Params are the types of placeholders where the PHP closure has one: int, float, bool, string, or the name of an
	// entity type (then the row is bound, and a missing one is 403). "" is none.
	Params map[string]string
	// Rule is an expression over user, the placeholders and the entities; see rules.go.
	Rule string
	// Member is what a presence channel's rule returns when Rule holds, each value an expression; empty: what Rule gives.
	Member []MemberField
	// Place is where the rule's first character stands in the file, "echolab.yaml:12:5", for messages.
	Place string
}

// MemberField is one field of what a presence rule returns.
type MemberField struct {
	Name, Expression string
	// Place is where the expression's first character stands; "" is the channel's.
	Place string
}

// Auth is how callers are known and refused.
type Auth struct {
	// DefaultUser is who asks when a request says nothing; the zero ID is nobody.
	DefaultUser ID
	// RedirectGuests answers a guest with 302 to /login where Laravel's auth middleware would (protocol H.2).
	RedirectGuests bool
	// Origins are the front ends that a browser may call from, such as http://localhost:5173; "*" within a port matches
	// any: http://localhost:*.
	Origins []string
	// EncryptionKey is the master key of encrypted channels, 32 bytes; nil: derived from the app's secret. Empty but not
	// nil: there is none, as in Laravel's stock broadcasting.php, and authorising an encrypted channel is 500.
	EncryptionKey []byte
	SignIn        SignIn
}

// SignIn is what /broadcasting/user-auth answers.
type SignIn struct {
	// Off: Broadcast::userRoutes() was not called, 404.
	Off bool
	// Resolver is the expression of Broadcast::resolveAuthenticatedUserUsing over user, which is nil for a guest: an
	// object with id, and user_info and watchlist if wanted. What PHP takes for false is 403. "" is defaultResolver.
	Resolver string
	// Place is where the resolver's first character stands, for messages.
	Place string
}

// Workflow is a notification of the guide's workflows in its normal form (protocol K.7).
type Workflow struct {
	Name      string
	Recipient Recipient
	Title     string
	Message   string
	// Simplified tells that it was written in the simplified format: the payload then carries body beside message.
	Simplified bool
}

// Recipient is who a workflow notification goes to: exactly one of the three.
type Recipient struct {
	Role   string // everyone of that role
	User   ID
	Client ID // every member of that client
}

// Mode is how the contradictions of protocol K.9 are treated.
type Mode string

// The modes.
const (
	Fixed     Mode = "fixed"      // as the guide means it
	AsWritten Mode = "as-written" // as the guide's text says, mistakes included
	Off       Mode = "off"        // there is no back end
)

// SigningApp is the app whose key and secret sign authorisations, asked for at each use.
type SigningApp func() (*pusher.App, bool)
