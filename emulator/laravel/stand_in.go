package laravel

// What the part about authorisation brings; this file goes when that is here.

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
)

func (app *Application) user(id ID) *User {
	for i := range app.Users {
		if app.Users[i].ID == id {
			return &app.Users[i]
		}
	}
	return nil
}

func (c *call) json(status int, v any) {
	c.w.Header().Set("Content-Type", "application/json")
	c.w.WriteHeader(status)
	body, _ := encodePHP(v)
	_, _ = c.w.Write(body)
}

func (c *call) fail(status int, message string) { c.json(status, Object{{"message", message}}) }

func (c *call) invalid(wrong map[string][]string) {
	var names []string
	for name := range wrong {
		names = append(names, name)
	}
	slices.Sort(names)
	message := wrong[names[0]][0]
	if len(names) > 1 {
		message += " (and 1 more error)"
	}
	c.json(http.StatusUnprocessableEntity, Object{{"message", message}, {"errors", wrong}})
}

func (c *call) input() (Object, error) {
	out := Object{}
	if c.r.Method == http.MethodGet {
		for name, values := range c.r.URL.Query() {
			out = append(out, Field{name, values[0]})
		}
		return out, nil
	}
	text, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, 1<<20))
	if err != nil || len(text) == 0 {
		return nil, err
	}
	err = json.Unmarshal(text, &out)
	return out, err
}

func tooLarge(err error) bool {
	_, large := errors.AsType[*http.MaxBytesError](err)
	return large
}
