package laravel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"echolab/emulator/pusher"
)

// Notification is what users are told (protocol H.7, K.6).
type Notification struct {
	// Type is the class, or what broadcastType() gives; "" is App\Notifications\WorkflowNotification.
	Type string
	// Data is the notification's array. In what is broadcast, its id and type give way to the notification's own.
	Data Object
	// Queued is the trap of a notification that implements ShouldQueue: the broadcast precedes the stored row, by Lag.
	Queued bool
	// Lag is how long the row of a queued notification takes.
	Lag time.Duration
	// Through sends its broadcasts; nil: the application does.
	Through Sender
}

// Sender sends a broadcast in the application's place. What it cannot send ends what it was sent for, with its error.
type Sender func(ctx context.Context, p pusher.Publication) error

// NotificationRow is a notification as it is kept for one user, and as Laravel's notifications table has it.
type NotificationRow struct {
	ID             string     `json:"id"`
	Type           string     `json:"type"`
	NotifiableType string     `json:"notifiable_type"`
	NotifiableID   ID         `json:"notifiable_id"`
	Data           Object     `json:"data"`
	ReadAt         *time.Time `json:"read_at"`
	CreatedAt      time.Time  `json:"created_at"`
}

// Object is the row as the application shows it.
func (n NotificationRow) Object() Object {
	var read any
	if n.ReadAt != nil {
		read = iso(*n.ReadAt)
	}
	return Object{
		{"id", n.ID}, {"type", n.Type}, {"notifiable_type", n.NotifiableType}, {"notifiable_id", n.NotifiableID.Value()},
		{"data", n.Data}, {"read_at", read}, {"created_at", iso(n.CreatedAt)},
	}
}

// Bounds of notifications.
const (
	maxNotifications = 1000 // kept for each user; the oldest go
	maxLag           = time.Minute
)

// notificationRows are every user's, oldest first.
type notificationRows struct {
	mu   sync.Mutex // guards what follows
	rows map[ID][]NotificationRow
}

// loadNotifications reads every user's notifications.
func (b *Backend) loadNotifications(ctx context.Context) error {
	n := &b.notifications
	n.rows = map[ID][]NotificationRow{}
	return b.cfg.Store.Rows(ctx, Notifications, func(key string, text json.RawMessage) error {
		var row NotificationRow
		if err := json.Unmarshal(text, &row); err != nil {
			return unreadable(Notifications, key, err)
		}
		n.rows[row.NotifiableID] = append(n.rows[row.NotifiableID], row)
		return nil
	})
}

// Notify tells users: for each the row is stored, and only then BroadcastNotificationCreated goes to
// private-App.Models.User.{id}, one request for each, never without a socket of the caller's (protocol N); after it
// NotificationReceived (K.9 X8, on the channel of X7). It broadcasts whatever via() says (X9). A user who is not of the
// cast is a *Refusal, before anything is stored; so is a notification without data.
func (b *Backend) Notify(ctx context.Context, users []ID, n Notification) ([]NotificationRow, error) {
	app := b.description.Load()
	wrong := faults{}
	for _, id := range users {
		if app.user(id) == nil {
			wrong.add("users", "There is no user %s.", id)
		}
	}
	if len(n.Data) == 0 {
		wrong.add("data", "Notification is missing toBroadcast / toArray method.")
	}
	if n.Lag < 0 || n.Lag > maxLag {
		wrong.add("lag", "The lag must be between 0 and %s.", maxLag)
	}
	if len(wrong) > 0 {
		return nil, unfit(wrong)
	}
	if n.Type == "" {
		n.Type = notificationType
	}
	whole := context.WithoutCancel(ctx) // what is begun is done, also when its caller has gone
	rows := make([]NotificationRow, 0, len(users))
	var unsent error // only where somebody else sends
	for _, id := range users {
		key, err := uuid.NewV7()
		if err != nil {
			return rows, fmt.Errorf("make a notification's id: %w", err)
		}
		row := NotificationRow{ID: key.String(), Type: n.Type, NotifiableType: model("users"), NotifiableID: id, Data: n.Data, CreatedAt: b.cfg.Clock.Now().UTC()}
		if n.Queued {
			unsent = errors.Join(unsent, b.broadcastNotification(whole, row, n.Through))
			b.pause(ctx, n.Lag)
		}
		if err := b.keepNotification(whole, row); err != nil {
			return rows, fmt.Errorf("keep a notification of user %s: %w", id, err)
		}
		rows = append(rows, row)
		if !n.Queued {
			unsent = errors.Join(unsent, b.broadcastNotification(whole, row, n.Through))
		}
		if unsent != nil {
			return rows, unsent
		}
	}
	return rows, nil
}

// pause waits by the backend's clock.
func (b *Backend) pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	due, forget := b.cfg.Clock.At(b.cfg.Clock.Now().Add(d))
	defer forget()
	select {
	case <-due:
	case <-ctx.Done():
	}
}

func (b *Backend) keepNotification(ctx context.Context, row NotificationRow) error {
	b.notifications.mu.Lock()
	mine := b.notifications.rows[row.NotifiableID]
	changes := []Change{{Notifications, row.ID, row}}
	for len(mine) >= maxNotifications {
		changes = append(changes, Change{Notifications, mine[0].ID, nil})
		mine = mine[1:]
	}
	b.notifications.rows[row.NotifiableID] = append(slices.Clip(mine), row)
	b.notifications.mu.Unlock()
	return b.cfg.Store.Write(ctx, changes)
}

// broadcastNotification sends what Laravel sends of a notification, and the guide's own event. What cannot be sent is said
// in the log; the row stays. Where somebody else sends, it is returned.
func (b *Backend) broadcastNotification(ctx context.Context, row NotificationRow, through Sender) error {
	payload := row.Data.With("id", row.ID).With("type", row.Type)
	received := Object{
		{"id", row.ID}, {"type", row.Type}, {"title", row.Data.Get("title")}, {"message", row.Data.Get("message")},
		{"data", row.Data}, {"created_at", iso(row.CreatedAt)},
	}
	to := map[string]any{"user": row.NotifiableID.Value()}
	for _, o := range []Occurrence{
		{Event: "BroadcastNotificationCreated", Params: to, Payload: payload, Exact: true},
		{Event: "NotificationReceived", Params: to, Payload: received, Exact: true, Alone: true},
	} {
		if through != nil {
			if err := b.occurThrough(ctx, o, through); err != nil {
				return err
			}
		} else if _, err := b.Occur(ctx, o); err != nil {
			b.log.Warn("a notification could not be broadcast", "event", o.Event, "user", row.NotifiableID.String(), "err", err)
		}
	}
	return nil
}

// occurThrough has somebody else send an event, at once.
func (b *Backend) occurThrough(ctx context.Context, o Occurrence, through Sender) error {
	composed, err := b.Compose(o)
	if err != nil {
		return err
	}
	for _, p := range composed.Publications {
		if err := through(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// Notifications are a user's, newest first; every user's for the zero ID.
func (b *Backend) Notifications(user ID) []NotificationRow {
	b.notifications.mu.Lock()
	defer b.notifications.mu.Unlock()
	var all []NotificationRow
	for id, rows := range b.notifications.rows {
		if user.IsZero() || id == user {
			all = append(all, rows...)
		}
	}
	slices.SortFunc(all, func(x, y NotificationRow) int { return strings.Compare(y.ID, x.ID) }) // version 7: by time
	return all
}

// forget deletes every row, in memory.
func (n *notificationRows) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.rows)
}

// read marks a user's notifications as read: one, or all for "". found tells whether there is that one.
func (b *Backend) read(ctx context.Context, user ID, id string) (changed []NotificationRow, found bool, err error) {
	now := b.cfg.Clock.Now().UTC()
	var changes []Change
	b.notifications.mu.Lock()
	rows := slices.Clone(b.notifications.rows[user])
	for i, row := range rows {
		if id != "" && row.ID != id {
			continue
		}
		if found = true; row.ReadAt == nil {
			row.ReadAt = &now
			rows[i] = row
			changes = append(changes, Change{Notifications, row.ID, row})
		}
		changed = append(changed, row)
	}
	b.notifications.rows[user] = rows
	b.notifications.mu.Unlock()
	if len(changes) == 0 {
		return changed, found, nil
	}
	return changed, found, b.cfg.Store.Write(ctx, changes)
}

var notificationRoutes = []route{
	{"GET /api/notifications", "notifications.index", false, (*Backend).listNotifications},
	{"POST /api/notifications/read", "notifications.read-all", false, (*Backend).readNotifications},
	{"POST /api/notifications/{id}/read", "notifications.read", false, (*Backend).readNotification},
}

// listNotifications answers {"data":[…],"unread_count":n}: the newest limit ones, with ?unread=1 of those not yet read.
func (b *Backend) listNotifications(c *call) {
	rows, unread := []any{}, 0
	query := c.r.URL.Query()
	limit := 50
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxNotifications {
			c.invalid(map[string][]string{"limit": {fmt.Sprintf("The limit field must be between 1 and %d.", maxNotifications)}})
			return
		}
		limit = n
	}
	for _, row := range b.Notifications(c.user.ID) {
		if row.ReadAt == nil {
			unread++
		} else if query.Get("unread") == "1" {
			continue
		}
		if len(rows) < limit {
			rows = append(rows, row.Object())
		}
	}
	c.json(http.StatusOK, Object{{"data", rows}, {"unread_count", int64(unread)}})
}

func (b *Backend) readNotification(c *call) {
	id := c.r.PathValue("id")
	rows, found, err := b.read(c.r.Context(), c.user.ID, id)
	switch {
	case err != nil:
		b.refuse(c, err)
	case !found:
		c.fail(http.StatusNotFound, `No query results for model [Illuminate\Notifications\DatabaseNotification] `+id)
	default:
		c.json(http.StatusOK, Object{{"data", rows[0].Object()}})
	}
}

func (b *Backend) readNotifications(c *call) {
	if _, _, err := b.read(c.r.Context(), c.user.ID, ""); err != nil {
		b.refuse(c, err)
		return
	}
	c.json(http.StatusOK, Object{{"unread_count", int64(0)}})
}
