package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
)

// backendStatus serves GET /api/backend.
func (h *Handler) backendStatus(query, *http.Request) (any, error) {
	is := h.app.BackendStatus()
	out := BackendStatus{Mode: string(is.Mode), URL: is.URL, File: is.File, Problem: is.Problem, NeedsRestart: append([]string{}, is.Waiting...),
		Users: []BackendUser{}, Channels: []BackendChannel{}, Entities: []BackendRows{}, Events: []string{}, Workflows: []string{}, Policy: is.Policy, Notes: append([]string{}, is.Notes...)}
	app := is.Application
	if app == nil {
		return out, nil
	}
	out.App = h.app.Config().Apps[0].ID
	out.DefaultUser = app.Auth.DefaultUser.String()
	for _, u := range app.Users {
		id, err := json.Marshal(u.ID)
		if err != nil {
			return nil, err
		}
		user := BackendUser{ID: id, Name: u.Name, Avatar: u.Avatar, Role: u.Role, Clients: []string{}}
		for _, client := range u.Clients {
			user.Clients = append(user.Clients, client.String())
		}
		out.Users = append(out.Users, user)
	}
	for _, c := range app.Channels {
		channel := BackendChannel{Pattern: c.Pattern, Rule: c.Rule, Member: []string{}}
		for _, field := range c.Member {
			channel.Member = append(channel.Member, field.Name)
		}
		out.Channels = append(out.Channels, channel)
	}
	for _, name := range slices.Sorted(maps.Keys(app.Entities)) {
		out.Entities = append(out.Entities, BackendRows{Type: name, Rows: len(app.Entities[name])})
	}
	for _, e := range app.Events {
		out.Events = append(out.Events, e.Name)
	}
	for _, w := range app.Workflows {
		out.Workflows = append(out.Workflows, w.Name)
	}
	return out, nil
}
