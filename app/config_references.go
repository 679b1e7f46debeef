package app

import (
	"fmt"
	"strings"

	"echolab/emulator/laravel"
)

// maxDangling is how many rows that point nowhere are told of.
const maxDangling = 20

// references looks for ids that are nobody's. They are warned of and not refused: an application can have such rows
// too, and what its front end makes of them is worth trying. Rows of the seed are left alone, whose counterparts the
// file may have put others in the place of.
func (d *describing) references() {
	users := make(map[laravel.ID]bool)
	roles := make(map[string]bool)
	for _, user := range d.app.Users {
		users[user.ID], roles[user.Role] = true, true
	}
	rows := make(map[string]map[laravel.ID]bool)
	for _, b := range d.sections["entities"].branches() {
		rows[b.key] = make(map[laravel.ID]bool)
		for _, t := range b.list() {
			rows[b.key][t.get("id").id()] = true
		}
	}
	for _, user := range d.sections["users"].list() {
		for _, client := range user.get("clients").list() {
			if clients, listed := rows["clients"]; listed && !clients[client.id()] {
				d.dangling(client.at, "clients", client.id(), "clients")
			}
		}
	}
	for _, b := range d.sections["entities"].branches() {
		for _, row := range b.list() {
			for _, field := range row.branches() {
				target, ok := references(field.key, rows)
				id := field.id()
				if !ok || id.IsZero() {
					continue
				}
				known := rows[target]
				if target == "users" {
					known = users
				}
				if !known[id] {
					d.dangling(field.tree.at, field.key, id, target)
				}
			}
		}
	}
	for i, b := range d.sections["workflows"].branches() {
		at := b.at
		switch to := d.app.Workflows[i].Recipient; {
		case !to.User.IsZero() && !readsAsOneOf(to.User, users):
			d.dangling(at, "recipient of "+short(b.key), to.User, "users")
		case !to.Client.IsZero() && !readsAsOneOf(to.Client, rows["clients"]):
			d.dangling(at, "recipient of "+short(b.key), to.Client, "clients")
		case to.Role != "" && !roles[to.Role]:
			d.dangle(at, fmt.Sprintf("recipient of %s: no user has the role %s", short(b.key), short(to.Role)))
		}
	}
	if more := d.warned - maxDangling; more > 0 {
		d.warn("%s: %d more that point nowhere", d.config.ConfigFile, more)
	}
}

// readsAsOneOf tells whether an id is there, as it is or as a text: a recipient is found either way.
func readsAsOneOf(id laravel.ID, known map[laravel.ID]bool) bool {
	if known[id] {
		return true
	}
	for other := range known {
		if other.String() == id.String() {
			return true
		}
	}
	return false
}

// references tells what a field points to by its name: client_id to clients, user_id and uploaded_by to users.
func references(field string, rows map[string]map[laravel.ID]bool) (target string, ok bool) {
	if field == "user_id" || field == "author_id" || strings.HasSuffix(field, "_by") {
		return "users", true
	}
	name, ok := strings.CutSuffix(field, "_id")
	if !ok {
		return "", false
	}
	for _, plural := range []string{name + "s", strings.TrimSuffix(name, "y") + "ies"} {
		if _, there := rows[plural]; there {
			return plural, true
		}
	}
	return "", false
}

func (d *describing) dangling(at Origin, field string, id laravel.ID, target string) {
	d.dangle(at, fmt.Sprintf("%s: there is no %s among the %s", field, show(id), target))
}

func (d *describing) dangle(at Origin, text string) {
	if at.File == seedName {
		return
	}
	if d.warned++; d.warned <= maxDangling {
		d.warn("%s: %s", at, text)
	}
}
