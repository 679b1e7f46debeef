package laravel

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Documents is the timing and the size of what users do together on a document. The guide names the features, not these.
type Documents struct {
	LockTTL    time.Duration // how long a field stays locked unless it is locked again; default DefaultLockTTL
	StateLimit int           // bytes that a document's shared state may have as JSON; default DefaultStateLimit
}

// The defaults.
const (
	DefaultLockTTL    = time.Minute
	DefaultStateLimit = 64 << 10
)

func (d Documents) lockTTL() time.Duration { return cmp.Or(d.LockTTL, DefaultLockTTL) }
func (d Documents) stateLimit() int        { return cmp.Or(d.StateLimit, DefaultStateLimit) }

// Lock is one field of a document that one user edits.
type Lock struct {
	Document  ID        `json:"document_id"`
	Field     string    `json:"field"`
	User      ID        `json:"user_id"`
	Name      string    `json:"user_name"`
	LockedAt  time.Time `json:"locked_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Object is the lock as the application shows it.
func (l Lock) Object() Object {
	return Object{
		{"document_id", l.Document.Value()}, {"field", l.Field}, {"user", Object{{"id", l.User.Value()}, {"name", l.Name}}},
		{"locked_at", iso(l.LockedAt)}, {"expires_at", iso(l.ExpiresAt)},
	}
}

func (l Lock) key() string { return rowKey(l.Document) + "/" + l.Field }

// Why a lock ended, as DocumentUnlocked says it.
const (
	unlockReleased = "released"
	unlockExpired  = "expired"
	unlockLeft     = "left"   // its holder left the document's presence channel
	unlockLogout   = "logout" // its holder logged out
	unlockDeleted  = "deleted"
	unlockReset    = "reset" // the application's rows are given back
)

// documentRows are the locks and the shared states. What happens to one document's takes the document's turn, so that
// what is decided, stored and sent about it is one after the other.
type documentRows struct {
	mu     sync.Mutex // guards what follows
	locks  map[ID]map[string]Lock
	states map[ID]sharedState
	// woken has something in it when the next expiry may be another one.
	woken chan struct{}
}

// loadDocuments reads the locks and the shared states.
func (b *Backend) loadDocuments(ctx context.Context) error {
	d := &b.documents
	d.locks, d.states, d.woken = map[ID]map[string]Lock{}, map[ID]sharedState{}, make(chan struct{}, 1)
	err := b.cfg.Store.Rows(ctx, Locks, func(key string, text json.RawMessage) error {
		var l Lock
		if err := json.Unmarshal(text, &l); err != nil {
			return unreadable(Locks, key, err)
		}
		d.putLocked(l)
		return nil
	})
	if err != nil {
		return err
	}
	return b.cfg.Store.Rows(ctx, DocumentStates, func(key string, text json.RawMessage) error {
		var s sharedState
		if err := json.Unmarshal(text, &s); err != nil {
			return unreadable(DocumentStates, key, err)
		}
		d.states[s.Document] = s
		return nil
	})
}

func (d *documentRows) putLocked(l Lock) {
	if d.locks[l.Document] == nil {
		d.locks[l.Document] = map[string]Lock{}
	}
	d.locks[l.Document][l.Field] = l
}

func (d *documentRows) put(l Lock) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.putLocked(l)
	d.wake()
}

func (d *documentRows) drop(l Lock) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if delete(d.locks[l.Document], l.Field); len(d.locks[l.Document]) == 0 {
		delete(d.locks, l.Document)
	}
	d.wake()
}

func (d *documentRows) wake() {
	select {
	case d.woken <- struct{}{}:
	default:
	}
}

func (d *documentRows) lock(document ID, field string) (Lock, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l, ok := d.locks[document][field]
	return l, ok
}

// all is every lock that fits, those of one document in the order of their fields.
func (d *documentRows) all(fits func(Lock) bool) (found []Lock) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, fields := range d.locks {
		for _, l := range fields {
			if fits(l) {
				found = append(found, l)
			}
		}
	}
	slices.SortFunc(found, func(a, b Lock) int {
		return cmp.Or(compareIDs(a.Document, b.Document), strings.Compare(a.Field, b.Field))
	})
	return found
}

// held are a document's locks at this moment.
func (b *Backend) held(document ID) []Lock {
	now := b.cfg.Clock.Now()
	return b.documents.all(func(l Lock) bool { return l.Document == document && now.Before(l.ExpiresAt) })
}

// lockField gives a field of a document to a user, or says who has it. Locking again prolongs.
func (b *Backend) lockField(ctx context.Context, document Row, u *User, field, except string) (Lock, error) {
	ctx = context.WithoutCancel(ctx)
	turn := b.turns.of("documents", document.ID)
	turn.Lock()
	defer turn.Unlock()
	if _, there := b.entity("documents", document.ID); !there {
		return Lock{}, noRow("documents", document.ID.String())
	}
	now := b.cfg.Clock.Now()
	old, taken := b.documents.lock(document.ID, field)
	switch {
	case taken && !now.Before(old.ExpiresAt):
		if err := b.unlock(ctx, old, unlockExpired, ""); err != nil {
			return Lock{}, err
		}
		taken = false
	case taken && old.User != u.ID:
		return Lock{}, lockedBy(old)
	}
	l := Lock{document.ID, field, u.ID, u.Name, now.UTC(), now.Add(b.description.Load().Documents.lockTTL()).UTC()}
	if taken {
		l.LockedAt = old.LockedAt
	}
	if err := b.cfg.Store.Write(ctx, []Change{{Locks, l.key(), l}}); err != nil {
		return Lock{}, fmt.Errorf("keep the lock of %s: %w", l.key(), err)
	}
	b.documents.put(l)
	b.tell(ctx, Occurrence{Event: "DocumentLocked", Payload: Object{{"lock", l.Object()}}, Except: except}, document.ID)
	return l, nil
}

func lockedBy(l Lock) *Refusal {
	return &Refusal{
		Status: http.StatusConflict, Message: fmt.Sprintf("The %s is being edited by %s.", label(l.Field), l.Name), Answer: Object{{"lock", l.Object()}},
	}
}

// unlock ends a lock. Its caller has the document's turn.
func (b *Backend) unlock(ctx context.Context, l Lock, reason, except string) error {
	if err := b.cfg.Store.Write(ctx, []Change{{Locks, l.key(), nil}}); err != nil {
		return fmt.Errorf("end the lock of %s: %w", l.key(), err)
	}
	b.documents.drop(l)
	b.tell(ctx, Occurrence{Event: "DocumentUnlocked", Except: except, Payload: Object{
		{"document_id", l.Document.Value()}, {"field", l.Field}, {"user", Object{{"id", l.User.Value()}, {"name", l.Name}}}, {"reason", reason},
	}}, l.Document)
	return nil
}

// unlockField ends the lock of a field, which its holder and admins may do. A field that nobody holds is no error.
func (b *Backend) unlockField(ctx context.Context, document Row, u *User, field, except string) error {
	ctx = context.WithoutCancel(ctx)
	turn := b.turns.of("documents", document.ID)
	turn.Lock()
	defer turn.Unlock()
	l, taken := b.documents.lock(document.ID, field)
	switch {
	case !taken:
		return nil
	case !b.cfg.Clock.Now().Before(l.ExpiresAt):
		return b.unlock(ctx, l, unlockExpired, except)
	case l.User != u.ID && !u.admin():
		return lockedBy(l)
	}
	return b.unlock(ctx, l, unlockReleased, except)
}

// endLocks ends every lock that fits when its document's turn has come.
func (b *Backend) endLocks(ctx context.Context, reason string, fits func(Lock) bool) {
	ctx = context.WithoutCancel(ctx)
	for _, l := range b.documents.all(fits) {
		func() {
			turn := b.turns.of("documents", l.Document)
			turn.Lock()
			defer turn.Unlock()
			if now, still := b.documents.lock(l.Document, l.Field); !still || !fits(now) {
				return // ended, prolonged or somebody else's by now
			}
			if err := b.unlock(ctx, l, reason, ""); err != nil {
				b.log.Error("a lock could not be ended", "lock", l.key(), "err", err)
			}
		}()
	}
}

// loggedOut ends what a user holds.
func (b *Backend) loggedOut(ctx context.Context, u *User) {
	b.endLocks(ctx, unlockLogout, func(l Lock) bool { return l.User == u.ID })
}

// Left tells that a user's last socket left a presence channel, by leaving it or by being cut off; channel and user as on
// the wire. Locks on the document of that channel end.
func (b *Backend) Left(ctx context.Context, channel, user string) {
	name, ok := strings.CutPrefix(channel, "presence-")
	if !ok {
		return
	}
	document, ok := strings.CutPrefix(strings.TrimPrefix(name, "presence-"), "document.")
	if !ok {
		return
	}
	b.endLocks(ctx, unlockLeft, func(l Lock) bool { return l.Document.String() == document && l.User.String() == user })
}

// expireLocks ends locks when their time has come, until ctx ends.
func (b *Backend) expireLocks(ctx context.Context) {
	for {
		due, forget := (<-chan time.Time)(nil), func() {}
		if at, any := b.documents.nextExpiry(); any {
			due, forget = b.cfg.Clock.At(at)
		}
		select {
		case <-ctx.Done():
			forget()
			return
		case <-b.documents.woken:
			forget()
		case <-due:
			now := b.cfg.Clock.Now()
			b.endLocks(ctx, unlockExpired, func(l Lock) bool { return !now.Before(l.ExpiresAt) })
		}
	}
}

func (d *documentRows) nextExpiry() (at time.Time, any bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for fields := range maps.Values(d.locks) {
		for l := range maps.Values(fields) {
			if !any || l.ExpiresAt.Before(at) {
				at, any = l.ExpiresAt, true
			}
		}
	}
	return at, any
}

// tell sends an event of a document. What cannot be sent is said in the log.
func (b *Backend) tell(ctx context.Context, o Occurrence, document ID) {
	o.Exact, o.Params = true, map[string]any{"document": document.Value()}
	if _, err := b.Occur(ctx, o); err != nil {
		b.log.Warn("an event of a document could not be sent", "event", o.Event, "document", document.String(), "err", err)
	}
}

// lockedFields refuses a change of fields that somebody else has locked.
func (b *Backend) lockedFields(a Action, row Row, fields Object) error {
	if row.Type != "documents" || a.By == nil {
		return nil
	}
	for _, l := range b.held(row.ID) {
		if l.User == a.By.ID {
			continue
		}
		for _, f := range fields {
			if f.Key == l.Field && !same(f.Value, row.Data.Get(f.Key)) {
				refusal := lockedBy(l)
				refusal.Answer = append(conflict(row, "").Answer, refusal.Answer...)
				return refusal
			}
		}
	}
	return nil
}
