package laravel

import "slices"

// roleAdmin sees and changes everything (protocol K.2).
const roleAdmin = "admin"

func (u *User) admin() bool { return u != nil && u.Role == roleAdmin }

func (u *User) memberOf(client ID) bool { return u != nil && slices.Contains(u.Clients, client) }

// ownerDepth is how many rows are gone through from a row to its client: comment, document, project. A described cycle
// ends there.
const ownerDepth = 4

// client is the client that a row belongs to: named by the row, or by the project or document that the row names.
func (b *Backend) client(r Row) (ID, bool) {
	for range ownerDepth {
		if r.Type == "clients" {
			return r.ID, true
		}
		if id, ok := idOf(r.Data.Get("client_id")); ok {
			return id, true
		}
		next, found := Row{}, false
		for _, up := range []struct{ field, typ string }{{"project_id", "projects"}, {"document_id", "documents"}} {
			if id, ok := idOf(r.Data.Get(up.field)); ok && !found {
				next, found = b.entity(up.typ, id)
			}
		}
		if !found {
			return ID{}, false
		}
		r = next
	}
	return ID{}, false
}

// sees tells whether a user may read a row: an admin any, others what belongs to a client of theirs (protocol K.2), what
// is their own, and rows of types that the application was given beyond K.1 where they name no client.
func (b *Backend) sees(u *User, r Row) bool {
	if u == nil {
		return false
	}
	if u.admin() || isOwn(u, r) {
		return true
	}
	if client, ok := b.client(r); ok {
		return u.memberOf(client)
	}
	_, base := entityTypes[r.Type]
	return !base && r.Data.Get("client_id") == nil
}

// changes tells whether a user may change a row: whoever sees it, except that a time entry is its user's alone (as
// timer.{userId} is, protocol K.2), and that what belongs to no client is the admins'.
func (b *Backend) changes(u *User, r Row) bool {
	if u.admin() {
		return true
	}
	if r.Type == "time_entries" && !isOwn(u, r) {
		return false
	}
	client, ok := b.client(r)
	return ok && u.memberOf(client)
}

// isOwn tells whether a row names the user as who made it.
func isOwn(u *User, r Row) bool {
	author := entityTypes[r.Type].author
	if author == "" {
		return false
	}
	id, ok := idOf(r.Data.Get(author))
	return ok && id == u.ID
}
