package laravel

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Activity is one line of the activity feed (protocol K.6).
type Activity struct {
	ID          int64     `json:"id"`           // given by AddActivity, ascending
	Type        string    `json:"type"`         // such as project.created
	Description string    `json:"description"`  // created a new project
	User        *Person   `json:"user"`         // who did it; nil: the system
	SubjectType string    `json:"subject_type"` // such as project; "" is null
	SubjectID   ID        `json:"subject_id"`
	Metadata    Object    `json:"metadata"`   // client_id says whose feed it is in, project_id too
	CreatedAt   Timestamp `json:"created_at"` // given by AddActivity when zero
}

// Object is the activity as payloads, answers and the store have it.
func (a Activity) Object() Object {
	var subject, id, user any
	if a.User != nil {
		user = Object{{"id", a.User.ID}, {"name", a.User.Name}}
	}
	if a.SubjectType != "" {
		subject = a.SubjectType
	}
	if !a.SubjectID.IsZero() {
		id = a.SubjectID.Value()
	}
	metadata := a.Metadata
	if metadata == nil {
		metadata = Object{}
	}
	return Object{{"id", a.ID}, {"type", a.Type}, {"description", a.Description},
		{"user", user}, {"subject_type", subject}, {"subject_id", id}, {"metadata", metadata}, {"created_at", a.CreatedAt.String()}}
}

// MarshalJSON is that of Object.
func (a Activity) MarshalJSON() ([]byte, error) { return a.Object().MarshalJSON() }

// client is the client in whose feed the activity is.
func (a Activity) client() ID {
	id, _ := idOf(a.Metadata.Get("client_id"))
	return id
}

// about tells whether the activity is in a project's feed.
func (a Activity) about(project ID) bool {
	id, _ := idOf(a.Metadata.Get("project_id"))
	return id == project || a.SubjectType == "project" && a.SubjectID == project
}

// ActivityQuery narrows the feed; zero values do not.
type ActivityQuery struct {
	Limit   int       // at most this many; 0 is DefaultFeed
	Client  ID        // getClientFeed
	Project ID        // getProjectFeed
	Since   time.Time // made later than this
	For     *User     // who looks: whoever is not an admin sees what happens to their own clients
}

// DefaultFeed is how many activities the feed has when nothing is said.
const DefaultFeed = 50

// feed is the activities, ascending.
type feed struct {
	mu   sync.Mutex // guards what follows
	last int64
	rows []Activity
	news line // ActivityFeedUpdated, in the order of the ids
}

func activityKey(id int64) string { return fmt.Sprintf("%020d", id) }

// AddActivity adds a line to the feed, for the control API and scenarios.
func (b *Backend) AddActivity(ctx context.Context, a Activity) (Activity, error) {
	return b.addActivity(ctx, a)
}

// addActivity adds a line to the feed: it is stored, then ActivityFeedUpdated is sent to admin and, when the metadata
// names a client, to that client. It returns once both have been done; an event that could not be sent is in the log.
func (b *Backend) addActivity(ctx context.Context, a Activity) (Activity, error) {
	f := &b.feed
	f.mu.Lock()
	f.last++
	a.ID = f.last
	if time.Time(a.CreatedAt).IsZero() {
		a.CreatedAt = Timestamp(b.now())
	}
	f.rows = append(f.rows, a)
	changes := []Change{{Activities, activityKey(a.ID), a.Object()}}
	for limit := b.description.Load().History.activities(); len(f.rows) > limit; f.rows = f.rows[1:] {
		changes = append(changes, Change{Activities, activityKey(f.rows[0].ID), nil})
	}
	w := b.keeper.keep(changes...)
	var params map[string]any
	if id := a.client(); !id.IsZero() {
		params = map[string]any{"clientId": id.Value()}
	}
	news := f.news.put(func() {
		b.send(w, Occurrence{Event: "ActivityFeedUpdated", Params: params, Payload: Object{{"activity", a.Object()}}, Exact: true})
	})
	f.mu.Unlock()
	return a, settled(ctx, w, news)
}

// Activities is the feed, newest first.
func (b *Backend) Activities(_ context.Context, q ActivityQuery) []Activity {
	if q.Limit <= 0 {
		q.Limit = DefaultFeed
	}
	f := &b.feed
	f.mu.Lock()
	rows := f.rows // what is in it is never changed
	f.mu.Unlock()
	found := []Activity{}
	for _, a := range slices.Backward(rows) {
		switch {
		case len(found) == q.Limit:
			return found
		case !q.Client.IsZero() && a.client() != q.Client,
			!q.Project.IsZero() && !a.about(q.Project),
			!q.Since.IsZero() && !time.Time(a.CreatedAt).After(q.Since),
			q.For != nil && !q.For.concerned(a.client()):
		default:
			found = append(found, a)
		}
	}
	return found
}

// loadActivities reads the feed.
func (b *Backend) loadActivities(ctx context.Context) error {
	f := &b.feed
	return b.cfg.Store.Rows(ctx, Activities, func(key string, text json.RawMessage) error {
		var a Activity
		if err := json.Unmarshal(text, &a); err != nil {
			return unreadable(Activities, key, err)
		}
		f.rows, f.last = append(f.rows, a), max(f.last, a.ID)
		return nil
	})
}

// ParseID is an id as an address or a command line has it: the integer where it is written as one.
func ParseID(text string) ID { return pathID(text) }

// UserNamed finds one of the cast by an id in text; nil when there is none.
func (app *Application) UserNamed(id string) *User { return app.userByText(id) }

// concerned tells whether what belongs to a client, or to none, is shown to the user: to an admin, or a member of it.
func (u *User) concerned(client ID) bool {
	return u.admin() || !client.IsZero() && u.memberOf(client)
}

// person is the user in payloads; nil for nobody.
func (u *User) person() *Person {
	if u == nil {
		return nil
	}
	return &Person{u.ID, u.Name}
}
