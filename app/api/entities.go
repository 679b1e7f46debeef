package api

import (
	"net/http"

	"echolab/app"
)

// entityTypes is GET /api/backend/entities.
func (h *Handler) entityTypes(query, *http.Request) (any, error) {
	types, err := h.app.EntityTypes()
	if err != nil {
		return nil, err
	}
	out := BackendTypes{Types: []BackendRows{}}
	for _, t := range types {
		out.Types = append(out.Types, BackendRows{Type: t.Type, Rows: t.Rows})
	}
	return out, nil
}

// entities is GET /api/backend/entities/{type}.
func (h *Handler) entities(_ query, r *http.Request) (any, error) {
	rows, err := h.app.Entities(r.PathValue("type"))
	if err != nil {
		return nil, err
	}
	out := BackendEntities{Rows: make([]BackendEntity, len(rows))}
	for i, row := range rows {
		if out.Rows[i], err = entityOf(row); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func entityOf(row app.Row) (BackendEntity, error) {
	id, err := plainJSON(row.ID)
	if err != nil {
		return BackendEntity{}, err
	}
	data, err := plainJSON(row.Data)
	return BackendEntity{Type: row.Type, ID: id, Version: row.Version, Data: data}, err
}

// entity is GET /api/backend/entities/{type}/{id}.
func (h *Handler) entity(_ query, r *http.Request) (any, error) {
	row, err := h.app.Entity(r.PathValue("type"), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return entityOf(row)
}

// changeEntity is POST and PATCH /api/backend/entities/…
func (h *Handler) changeEntity(_ query, r *http.Request) (any, error) {
	var change BackendChange
	if err := readBody(r, &change); err != nil {
		return nil, err
	}
	if len(change.Fields) == 0 {
		return nil, bad("the body: fields is missing")
	}
	verb := app.Updated
	if r.Method == http.MethodPost {
		verb = app.Created
	}
	return h.change(r, app.Change{Verb: verb, Fields: change.Fields, As: string(change.As), Except: change.SocketID})
}

// deleteEntity is DELETE /api/backend/entities/{type}/{id}.
func (h *Handler) deleteEntity(q query, r *http.Request) (any, error) {
	return h.change(r, app.Change{Verb: app.Deleted, As: q.text("as"), Except: q.text("socket_id")})
}

func (h *Handler) change(r *http.Request, c app.Change) (any, error) {
	c.Type, c.ID = r.PathValue("type"), r.PathValue("id")
	row, err := h.app.ChangeEntity(r.Context(), c)
	if err != nil {
		return nil, err
	}
	return entityOf(row)
}

// resetBackend is POST /api/backend/reset.
func (h *Handler) resetBackend(_ query, r *http.Request) (any, error) {
	rows, err := h.app.ResetBackend(r.Context())
	return BackendReset{Rows: rows}, err
}
