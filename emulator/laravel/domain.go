package laravel

import (
	"errors"
	"net/http"
	"slices"
)

// domainRoutes are those of the application's rows, as Route::apiResource makes them. The types of protocol K.1 have the
// names that Laravel gives them; whatever else the description has is served by the same handlers.
var domainRoutes = slices.Concat(resourceRoutes(), notificationRoutes)

func resourceRoutes() (all []route) {
	type resource struct{ path, name string }
	resources := []resource{{"{type}", "entities"}}
	for _, typ := range baseTypes {
		resources = append(resources, resource{typ, typ})
	}
	for _, r := range resources {
		typ := r.name
		if r.path == "{type}" {
			typ = ""
		}
		all = append(all,
			route{"GET /api/" + r.path, r.name + ".index", false, of(typ, (*Backend).index)},
			route{"POST /api/" + r.path, r.name + ".store", false, of(typ, (*Backend).save)},
			route{"GET /api/" + r.path + "/{id}", r.name + ".show", false, of(typ, (*Backend).show)},
			route{"PUT /api/" + r.path + "/{id}", r.name + ".update", false, of(typ, (*Backend).save)},
			route{"PATCH /api/" + r.path + "/{id}", r.name + ".update", false, of(typ, (*Backend).save)},
			route{"DELETE /api/" + r.path + "/{id}", r.name + ".destroy", false, of(typ, (*Backend).save)},
		)
	}
	return all
}

// of gives a handler its type; "" is the one in the path.
func of(typ string, serve func(*Backend, *call, string)) func(*Backend, *call) {
	return func(b *Backend, c *call) {
		name := typ
		if name == "" {
			name = c.r.PathValue("type")
		}
		if !slices.Contains(b.rows.types(), name) {
			b.refuse(c, noRoute(c.r.URL.Path))
			return
		}
		serve(b, c, name)
	}
}

// index is every row of the type that the user sees.
func (b *Backend) index(c *call, typ string) {
	rows := []any{}
	for _, r := range b.entities(typ) {
		if b.sees(c.user, r) {
			rows = append(rows, r.Object())
		}
	}
	c.json(http.StatusOK, Object{{"data", rows}})
}

func (b *Backend) show(c *call, typ string) {
	r, err := b.seen(c, typ)
	if err != nil {
		b.refuse(c, err)
		return
	}
	answer := Object{{"data", r.Object()}}
	if typ == "documents" {
		answer = append(answer, b.document(r)...)
	}
	c.json(http.StatusOK, answer)
}

// seen is the row that the path names, if the user may see it.
func (b *Backend) seen(c *call, typ string) (Row, error) {
	id := c.r.PathValue("id")
	r, found := b.entityAt(typ, id)
	if !found {
		return Row{}, noRow(typ, id)
	}
	if !b.sees(c.user, r) {
		return Row{}, errForbidden
	}
	return r, nil
}

// save makes, changes or deletes a row.
func (b *Backend) save(c *call, typ string) {
	input, err := b.inputOf(c)
	if err != nil {
		b.refuse(c, err)
		return
	}
	verb := verbOf[c.r.Method]
	r, err := b.Act(c.r.Context(), Action{Verb: verb, Type: typ, ID: c.r.PathValue("id"), Input: input, By: c.user, Except: c.except()})
	switch {
	case err != nil:
		b.refuse(c, err)
	case verb == Created:
		c.json(http.StatusCreated, Object{{"data", r.Object()}})
	case verb == Deleted:
		c.w.WriteHeader(http.StatusNoContent)
	default:
		c.json(http.StatusOK, Object{{"data", r.Object()}})
	}
}

// inputOf is the request's input. A body beyond the bound is PostTooLargeException. A body that is not what it says is
// 400, as at the sync API: to Laravel it has no fields, so that a change would be answered with 200 and nothing changed.
func (b *Backend) inputOf(c *call) (Object, error) {
	input, err := c.input()
	switch {
	case errors.Is(err, errLargeBody):
		return nil, &Refusal{Status: http.StatusRequestEntityTooLarge, Message: "The POST data is too large."}
	case err != nil:
		return nil, &Refusal{Status: http.StatusBadRequest, Message: err.Error()}
	}
	return input, nil
}
