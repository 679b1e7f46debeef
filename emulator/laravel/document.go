package laravel

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// documentRoutes are what users do together on a document. The guide names the features and no endpoints: these are an
// extension. The document's own row is among the domainRoutes.
var documentRoutes = []route{
	{"POST /api/documents/{id}/locks", "documents.locks.store", false, (*Backend).lockDocument},
	{"DELETE /api/documents/{id}/locks/{field}", "documents.locks.destroy", false, (*Backend).unlockDocument},
	{"GET /api/documents/{id}/state", "documents.state.show", false, (*Backend).showState},
	{"PUT /api/documents/{id}/state", "documents.state.update", false, (*Backend).saveState},
}

// sharedState is what those on a document share beside its fields, for whoever comes late.
type sharedState struct {
	Document ID              `json:"document_id"`
	State    json.RawMessage `json:"state"`
	Version  int64           `json:"version"` // 0: nobody has set one
	User     ID              `json:"user_id"`
}

func (s sharedState) object() Object {
	state := any(nil)
	if s.State != nil {
		state = s.State
	}
	return Object{{"state", state}, {"version", s.Version}}
}

// eventBudget is how many bytes of a document go into an event: Reverb takes 10,000 for a whole request. What is more is
// named in omitted, to be fetched.
const eventBudget = 6_000

// document is what goes with a document's row: who edits what, and the shared state.
func (b *Backend) document(row Row) Object {
	locks := []any{}
	for _, l := range b.held(row.ID) {
		locks = append(locks, l.Object())
	}
	return Object{{"locks", locks}, {"state", b.documents.state(row.ID).object()}}
}

func (d *documentRows) state(document ID) sharedState {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s, ok := d.states[document]; ok {
		return s
	}
	return sharedState{Document: document}
}

func (d *documentRows) statesNow() map[ID]sharedState {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.states)
}

func (d *documentRows) forgetStates() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.states)
}

// forgetDocument ends what a deleted document had. Its turn is the caller's.
func (b *Backend) forgetDocument(ctx context.Context, c *changed) {
	if c.row.Type != "documents" {
		return
	}
	for _, l := range b.documents.all(func(l Lock) bool { return l.Document == c.row.ID }) {
		if err := b.unlock(ctx, l, unlockDeleted, ""); err != nil {
			b.log.Error("a lock could not be ended", "lock", l.key(), "err", err)
		}
	}
	b.documents.mu.Lock()
	delete(b.documents.states, c.row.ID)
	b.documents.mu.Unlock()
	if err := b.cfg.Store.Write(ctx, []Change{{DocumentStates, rowKey(c.row.ID), nil}}); err != nil {
		b.log.Error("a document's state could not be deleted", "document", c.row.ID.String(), "err", err)
	}
}

// editable is the document that the path names, if the user may change it.
func (b *Backend) editable(c *call) (Row, error) {
	if err := checkExcept(c.except()); err != nil {
		return Row{}, err
	}
	row, err := b.seen(c, "documents")
	if err == nil && !b.changes(c.user, row) {
		err = errForbidden
	}
	return row, err
}

func (b *Backend) lockDocument(c *call) {
	row, err := b.editable(c)
	var input Object
	if err == nil {
		input, err = b.inputOf(c)
	}
	if err != nil {
		b.refuse(c, err)
		return
	}
	field, ok := input.Get("field").(string)
	switch {
	case input.Get("field") == nil:
		c.invalid(map[string][]string{"field": {"The field field is required."}})
		return
	case !ok || !hasField(c.app, row, field):
		c.invalid(map[string][]string{"field": {"The selected field is invalid."}})
		return
	}
	l, err := b.lockField(c.r.Context(), row, c.user, field, c.except())
	if err != nil {
		b.refuse(c, err)
		return
	}
	c.json(http.StatusCreated, Object{{"lock", l.Object()}})
}

// hasField tells whether a document has a field that can be changed.
func hasField(app *Application, row Row, field string) bool {
	return slices.ContainsFunc(app.typeOf(row.Type).columns, func(c column) bool { return c.name == field })
}

func (b *Backend) unlockDocument(c *call) {
	row, err := b.editable(c)
	if err == nil {
		err = b.unlockField(c.r.Context(), row, c.user, c.r.PathValue("field"), c.except())
	}
	if err != nil {
		b.refuse(c, err)
		return
	}
	c.w.WriteHeader(http.StatusNoContent)
}

func (b *Backend) showState(c *call) {
	row, err := b.seen(c, "documents")
	if err != nil {
		b.refuse(c, err)
		return
	}
	c.json(http.StatusOK, b.documents.state(row.ID).object())
}

func (b *Backend) saveState(c *call) {
	row, err := b.editable(c)
	var input Object
	if err == nil {
		input, err = b.inputOf(c)
	}
	if err == nil {
		var s sharedState
		if s, err = b.setState(c.r.Context(), c.app, row, c.user, input, c.except()); err == nil {
			c.json(http.StatusOK, s.object())
			return
		}
	}
	b.refuse(c, err)
}

// setState replaces a document's shared state; with a version, only the state of that version.
func (b *Backend) setState(ctx context.Context, app *Application, document Row, u *User, input Object, except string) (sharedState, error) {
	given := input.Get("state")
	if given == nil && !slices.ContainsFunc(input, func(f Field) bool { return f.Key == "state" }) { // null clears it
		return sharedState{}, unfit(faults{"state": {"The state field is required."}})
	}
	text, err := json.Marshal(given)
	if err != nil {
		return sharedState{}, fmt.Errorf("the state of document %s: %w", document.ID, err)
	}
	if limit := app.Documents.stateLimit(); len(text) > limit {
		return sharedState{}, unfit(faults{"state": {fmt.Sprintf("The state field must not be greater than %d bytes.", limit)}})
	}
	ctx = context.WithoutCancel(ctx)
	turn := b.turns.of("documents", document.ID)
	turn.Lock()
	defer turn.Unlock()
	if _, there := b.entity("documents", document.ID); !there {
		return sharedState{}, noRow("documents", document.ID.String())
	}
	s := b.documents.state(document.ID)
	if err := stale(input, Row{Type: "documents", Version: s.Version}); err != nil {
		refusal := err.(*Refusal)
		if refusal.Status == http.StatusConflict {
			refusal.Message, refusal.Answer = "The state has been changed meanwhile.", Object{{"version", s.Version}, {"state", s.object().Get("state")}}
		}
		return sharedState{}, refusal
	}
	s.State, s.User = text, u.ID
	s.Version++
	if err := b.cfg.Store.Write(ctx, []Change{{DocumentStates, rowKey(document.ID), s}}); err != nil {
		return sharedState{}, fmt.Errorf("keep the state of document %s: %w", document.ID, err)
	}
	b.documents.mu.Lock()
	b.documents.states[document.ID] = s
	b.documents.mu.Unlock()
	payload := Object{{"document_id", document.ID.Value()}, {"state", given}, {"version", s.Version}, {"user", person(u)}}
	if len(text) > eventBudget {
		payload = payload.With("state", nil).With("omitted", []any{"state"})
	}
	b.tell(ctx, Occurrence{Event: "DocumentStateChanged", Payload: payload, Except: except}, document.ID)
	return s, nil
}

// documentUpdated is the payload of DocumentUpdated.
func documentUpdated(c *changed) Object {
	changes, omitted, left := Object{}, []any{}, eventBudget
	for _, name := range c.differing() {
		value := c.after.Data.Get(name)
		text, err := json.Marshal(value)
		if left -= len(text); err != nil || left < 0 {
			omitted = append(omitted, name)
			continue
		}
		changes = append(changes, Field{name, value})
	}
	payload := Object{
		{"document", c.pick("id", "title", "project_id", "updated_at")}, {"changes", changes}, {"user", person(c.by)}, {"version", c.row.Version},
	}
	if len(omitted) > 0 {
		payload = append(payload, Field{"omitted", omitted})
	}
	return payload
}
