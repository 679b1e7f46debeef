package laravel

import (
	"context"
	"fmt"
)

// redescribe lays the users' rows over those of a changed description, and gives the rows that it changed a new version,
// so that nobody overwrites them unseen. changing is held.
func (b *Backend) redescribe(described *Application) {
	for _, change := range b.rows.describe(described) {
		if _, err := b.bumpWith(context.Background(), change.typ, change.id, string(change.action), func(version int64) []Change {
			b.rows.versioned(change.typ, change.id, version)
			return nil
		}); err != nil {
			b.log.Error("a version could not be kept", "row", entityKey(change.typ, change.id), "err", err)
		}
	}
}

// Reset forgets what users did to the rows, their notifications, the locks and the shared states: the application is as
// its description has it. Activities and data versions stay; they tell of it. It returns how many rows it gave back.
func (b *Backend) Reset(ctx context.Context) (rows int, err error) {
	b.endLocks(ctx, unlockReset, func(Lock) bool { return true })
	b.changing.Lock()
	defer b.changing.Unlock()
	var changes []Change
	users := b.rows.ofUsers()
	for _, r := range users {
		changes = append(changes, Change{Entities, entityKey(r.Type, r.ID), nil})
	}
	for _, n := range b.Notifications(ID{}) {
		changes = append(changes, Change{Notifications, n.ID, nil})
	}
	for id := range b.documents.statesNow() {
		changes = append(changes, Change{DocumentStates, rowKey(id), nil})
	}
	if err := b.cfg.Store.Write(ctx, changes); err != nil {
		return 0, fmt.Errorf("reset the application: %w", err)
	}
	b.notifications.forget()
	b.documents.forgetStates()
	b.rows.forget(users)
	b.redescribe(b.description.Load())
	return len(users), nil
}
