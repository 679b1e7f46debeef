package laravel

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"sync"
)

// History is how much the application remembers; older rows are deleted as newer ones come.
type History struct {
	Activities int // of the feed; default 10,000
	Versions   int // changes that GET /api/sync/versions can tell of; default 10,000
}

// The defaults.
const (
	DefaultActivities = 10_000
	DefaultVersions   = 10_000
)

func (h History) activities() int { return max(1, cmp.Or(h.Activities, DefaultActivities)) }
func (h History) versions() int   { return max(1, cmp.Or(h.Versions, DefaultVersions)) }

// DataVersion is one change of the application's data. Version counts over all rows, so it grows for each row too.
type DataVersion struct {
	Version int64     `json:"version"`
	Type    string    `json:"type"`
	ID      ID        `json:"id"`
	Action  string    `json:"action"` // created, updated, deleted
	At      Timestamp `json:"at"`
}

// VersionPage is what changed since a version.
type VersionPage struct {
	Version int64         `json:"version"` // to ask with next: of the last of Changes, or the newest
	Changes []DataVersion `json:"changes"` // oldest first
	More    bool          `json:"more"`    // ask again at once
}

// TooOld is the error of Versions when what happened since then is not known: everything must be fetched again.
type TooOld struct {
	Since, Oldest, Version int64 // asked for; the oldest change that is known; the newest
}

func (e *TooOld) Error() string {
	if e.Since > e.Version {
		return fmt.Sprintf("Version %d has never been: the newest is %d. Fetch everything again and go on from version %[2]d.", e.Since, e.Version)
	}
	return fmt.Sprintf("The changes since version %d are not kept any more: the oldest is %d. Fetch everything again and go on from version %d.",
		e.Since, e.Oldest, e.Version)
}

// versions is what changed, ascending and without gaps.
type versions struct {
	mu   sync.Mutex
	last int64
	rows []DataVersion
}

func versionKey(n int64) string { return fmt.Sprintf("%020d", n) }

// bump notes a change of a row and returns its version, once that is kept.
func (b *Backend) bump(ctx context.Context, typ string, id ID, action string) (version int64, err error) {
	return b.bumpWith(ctx, typ, id, action, nil)
}

// bumpWith is bump for a change that is kept in the same transaction; with makes it, knowing the version, and is called
// under the lock of the versions: it must not call back.
func (b *Backend) bumpWith(ctx context.Context, typ string, id ID, action string, with func(version int64) []Change) (version int64, err error) {
	v := &b.versions
	v.mu.Lock()
	v.last++
	row := DataVersion{v.last, typ, id, action, Timestamp(b.now())}
	v.rows = append(v.rows, row)
	var changes []Change
	if with != nil {
		changes = with(row.Version)
	}
	changes = append(changes, Change{Versions, versionKey(row.Version), row})
	for limit := b.description.Load().History.versions(); len(v.rows) > limit; v.rows = v.rows[1:] {
		if oldest := v.rows[0]; !b.rows.hasDescribed(oldest.Type, oldest.ID, oldest.Version) {
			changes = append(changes, Change{Versions, versionKey(oldest.Version), nil})
		}
	}
	w := b.keeper.keep(changes...)
	v.mu.Unlock()
	// A caller who has gone does not undo the change: it is kept, and must not be taken for one that is not.
	return row.Version, w.wait(context.WithoutCancel(ctx))
}

// Versions tells what changed after version since, at most limit changes (0: no limit). The error is a *TooOld when
// that is not known any more, or never was.
func (b *Backend) Versions(_ context.Context, since int64, limit int) (VersionPage, error) {
	v := &b.versions
	v.mu.Lock()
	defer v.mu.Unlock()
	oldest := v.last - int64(len(v.rows)) + 1
	if since > v.last || since < oldest-1 {
		return VersionPage{}, &TooOld{since, oldest, v.last}
	}
	page := VersionPage{Version: v.last, Changes: append([]DataVersion{}, v.rows[since-oldest+1:]...)}
	if limit > 0 && len(page.Changes) > limit {
		page.Changes, page.More = page.Changes[:limit], true
		page.Version = page.Changes[limit-1].Version
	}
	return page, nil
}

// loadVersions reads what changed, and gives the rows of the description the versions that they had: nothing else keeps
// those. A gap is history that is not told any more; before it are only the last changes of such rows, and what has become
// of no use.
func (b *Backend) loadVersions(ctx context.Context) error {
	v := &b.versions
	var old []DataVersion
	err := b.cfg.Store.Rows(ctx, Versions, func(key string, text json.RawMessage) error {
		var row DataVersion
		if err := json.Unmarshal(text, &row); err != nil {
			return unreadable(Versions, key, err)
		}
		if row.Version != v.last+1 {
			old, v.rows = append(old, v.rows...), nil
		}
		v.rows, v.last = append(v.rows, row), row.Version
		b.rows.versioned(row.Type, row.ID, row.Version)
		return nil
	})
	if err != nil {
		return err
	}
	var useless []Change
	for _, row := range old {
		if !b.rows.hasDescribed(row.Type, row.ID, row.Version) {
			useless = append(useless, Change{Versions, versionKey(row.Version), nil})
		}
	}
	if len(useless) == 0 {
		return nil
	}
	return b.cfg.Store.Write(ctx, useless)
}
