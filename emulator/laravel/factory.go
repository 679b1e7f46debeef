package laravel

import (
	"fmt"
	"time"
)

// The payload factories of protocol K.4. Fields that the guide gives come first; the others are the ones that the
// reference proposes.

var (
	announcements = []string{"Planned maintenance tonight", "New in the portal: time tracking", "Office closed on Friday", "Invoices now come as PDF"}
	notices       = []string{"Stage changed", "Invoice paid", "Document approved", "New comment", "Task assigned to you", "Deadline moved"}
	messages      = []string{
		"The client has moved to the next stage.", "Please have a look before Friday.", "The invoice was paid in full.",
		"A new version of the document is waiting for you.", "The review has been moved to next week.", "Two tasks are still open.",
	}
	remarks = []string{
		"Looks good to me.", "Can we talk about the second page?", "The numbers are updated.", "I have uploaded the new draft.",
		"Thanks, that is what I meant.", "This still needs a picture.", "Shall we ship it on Monday?", "Done, please check.",
	}
	invoiceStates = []string{"draft", "sent", "paid", "overdue", "cancelled"}
	projectStates = []string{"planning", "active", "on_hold", "completed"}
)

func drawAnnouncement(s *scene) Object {
	return Object{
		{"id", int64(1 + s.fake.IntN(9999))},
		{"title", s.pick(announcements...)},
		{"body", s.pick(messages...)},
		{"level", s.pick("info", "success", "warning")},
		{"published_at", s.now()},
	}
}

func (s *scene) invoiceNumber(row Object) any {
	return or(row, "invoice_number", func() any { return fmt.Sprintf("INV-%04s", anID(row.Get("id"))) })
}

func drawInvoiceCreated(s *scene) Object {
	row := s.row("invoices")
	return Object{
		{"id", s.id("invoices")},
		{"invoice_number", s.invoiceNumber(row)},
		{"total", or(row, "total", func() any { return s.money() })},
	}
}

// withInvoice adds what the guide's client code reads, e.invoice (K.9 X2).
func withInvoice(s *scene, payload Object) Object {
	row := s.row("invoices")
	invoice := Object{
		{"id", payload.Get("id")},
		{"client_id", s.id("clients")},
		{"invoice_number", payload.Get("invoice_number")},
		{"total", payload.Get("total")},
		{"status", or(row, "status", func() any { return s.pick(invoiceStates...) })},
	}
	return payload.With("invoice", invoice)
}

func drawInvoiceStatusChanged(s *scene) Object {
	row := s.row("invoices")
	old := or(row, "status", func() any { return s.pick(invoiceStates...) })
	next := s.other(old, "sent", "paid", "overdue")
	return Object{
		{"invoice", Object{{"id", s.id("invoices")}, {"invoice_number", s.invoiceNumber(row)}, {"status", next}, {"client_id", s.id("clients")}}},
		{"old_status", old},
		{"new_status", next},
		{"changed_at", s.now()},
	}
}

func drawProjectUpdated(s *scene) Object {
	row := s.row("projects")
	old := or(row, "status", func() any { return s.pick(projectStates...) })
	next := s.other(old, projectStates...)
	return Object{
		{"project", Object{
			{"id", s.id("projects")},
			{"name", or(row, "name", func() any { return s.fake.ProductName() })},
			{"status", next},
			{"client_id", s.id("clients")},
			{"updated_at", s.now()},
		}},
		{"changes", Object{{"status", []any{old, next}}}},
	}
}

func (s *scene) fileName(row Object) any {
	return or(row, "name", func() any { return s.fake.Noun() + "." + s.pick("pdf", "png", "docx", "zip") })
}

func drawFileUploaded(s *scene) Object {
	row := s.row("files")
	return Object{
		{"file", Object{
			{"id", s.id("files")},
			{"name", s.fileName(row)},
			{"size", or(row, "size", func() any { return int64(1024 + s.fake.IntN(5<<20)) })},
			{"mime", or(row, "mime", func() any { return s.pick("application/pdf", "image/png", "application/zip") })},
			{"project_id", s.id("projects")},
			{"uploaded_by", or(row, "uploaded_by", func() any { return s.id("users") })},
		}},
		{"project_id", s.id("projects")},
	}
}

func drawFileDeleted(s *scene) Object {
	row := s.row("files")
	return Object{
		{"file_id", s.id("files")},
		{"name", s.fileName(row)},
		{"project_id", s.id("projects")},
		{"deleted_by", s.id("users")},
	}
}

func drawCommentAdded(s *scene) Object {
	row := s.row("comments")
	return Object{{"comment", Object{
		{"id", s.id("comments")},
		{"body", or(row, "body", func() any { return s.pick(remarks...) })},
		{"author", s.person()},
		{"project_id", s.id("projects")},
		{"created_at", or(row, "created_at", func() any { return s.now() })},
	}}}
}

func drawNotificationReceived(s *scene) Object {
	return Object{
		{"id", s.fake.UUID()},
		{"type", notificationType},
		{"title", s.pick(notices...)},
		{"message", s.pick(messages...)},
		{"data", Object{{"user_id", s.id("users")}}},
		{"created_at", s.now()},
	}
}

// notificationType is the class that the guide's workflow notifications are of.
const notificationType = `App\Notifications\WorkflowNotification`

func drawNotification(s *scene) Object {
	s.row("users")
	return Object{
		{"title", s.pick(notices...)},
		{"message", s.pick(messages...)},
		{"id", s.fake.UUID()},
		{"type", notificationType},
	}
}

// asNotification is what .notification() hears of a NotificationReceived: the same, with id and type last (H.7).
func asNotification(payload Object) Object {
	out := Object{}
	for _, f := range payload {
		if f.Key != "id" && f.Key != "type" {
			out = append(out, f)
		}
	}
	return append(out, Field{"id", payload.Get("id")}, Field{"type", payload.Get("type")})
}

// drawTimeEntryUpdated keeps the row's times; what else it says follows from them, as in change.go: what has stopped took as
// long as from its start, what runs has no duration yet.
func drawTimeEntryUpdated(s *scene) Object {
	row := s.row("time_entries")
	began, action := s.ago(4*time.Hour), s.pick("started", "stopped", "updated")
	stopped, seconds := row.Get("stopped_at"), row.Get("duration_seconds")
	if end := moment(stopped); !end.IsZero() {
		began = end.Add(began.Sub(s.at))
	}
	started := or(row, "started_at", func() any { return began.UTC().Format(isoTime) })
	from := moment(started)
	switch {
	case stopped != nil && action == "started":
		action = "updated"
	case stopped != nil:
	case !from.IsZero() && !from.After(s.at) && (action == "stopped" || action == "updated" && row.Get("started_at") == nil):
		stopped, seconds = s.now(), nil
	case action == "stopped": // a row that starts later, or at no known time, has not stopped
		action = "started"
	}
	if to := moment(stopped); seconds == nil && !from.IsZero() && !to.Before(from) {
		seconds = int64(to.Sub(from) / time.Second)
	}
	return Object{
		{"time_entry", Object{
			{"id", s.id("time_entries")},
			{"user_id", s.id("users")},
			{"project_id", s.id("projects")},
			{"started_at", started},
			{"stopped_at", stopped},
			{"duration_seconds", seconds},
		}},
		{"action", action},
	}
}

// activityKinds are what the drawn activities are about.
var activityKinds = []struct{ kind, description, typ string }{
	{"project.created", "created a new project", "projects"},
	{"project.updated", "updated the project", "projects"},
	{"invoice.created", "created an invoice", "invoices"},
	{"invoice.paid", "marked an invoice as paid", "invoices"},
	{"file.uploaded", "uploaded a file", "files"},
	{"comment.added", "added a comment", "comments"},
}

func drawActivity(s *scene) Object {
	kind := activityKinds[s.fake.IntN(len(activityKinds))]
	subject := s.id(kind.typ)
	return Object{{"activity", Object{
		{"id", int64(1 + s.fake.IntN(9999))},
		{"type", kind.kind},
		{"description", kind.description},
		{"user", s.person()},
		{"subject_type", singular(kind.typ)},
		{"subject_id", subject},
		{"metadata", Object{{"client_id", s.id("clients")}}},
		{"created_at", s.now()},
	}}}
}

func drawPresenceChanged(s *scene) Object {
	status := s.pick("online", "offline")
	var location any
	if status == "online" {
		location = s.pick("Dashboard", "Projects", "Invoices", "Documents")
	}
	return Object{
		{"user", s.person()},
		{"status", status},
		{"location", location},
		{"last_seen_at", s.now()},
	}
}

func drawTyping(s *scene) Object {
	user := s.person()
	s.row("projects")
	return Object{{"user_id", user.Get("id")}, {"name", user.Get("name")}}
}

func drawCursor(s *scene) Object {
	s.row("documents")
	return Object{{"x", int64(s.fake.IntN(1280))}, {"y", int64(s.fake.IntN(720))}}
}

func drawTimer(s *scene) Object {
	return Object{{"running", s.fake.Bool()}, {"entry_id", s.id("time_entries")}}
}

func drawDocumentLocked(s *scene) Object {
	return Object{{"lock", Object{
		{"document_id", s.id("documents")},
		{"field", s.pick("title", "body")},
		{"user", s.person()},
		{"expires_at", s.at.Add(time.Minute).UTC().Format(isoTime)},
	}}}
}

func drawDocumentUnlocked(s *scene) Object {
	return Object{
		{"document_id", s.id("documents")},
		{"field", s.pick("title", "body")},
		{"user", s.person()},
		{"reason", s.pick("released", "expired", "left")},
	}
}

func drawDocumentUpdated(s *scene) Object {
	row := s.row("documents")
	return Object{
		{"document", Object{
			{"id", s.id("documents")},
			{"title", or(row, "title", func() any { return s.fake.ProductName() })},
			{"project_id", s.id("projects")},
			{"updated_at", s.now()},
		}},
		{"changes", Object{{"body", s.pick(remarks...)}}},
		{"user", s.person()},
		{"version", int64(2 + s.fake.IntN(20))},
	}
}

func drawDocumentState(s *scene) Object {
	return Object{
		{"document_id", s.id("documents")},
		{"state", Object{{"page", int64(1 + s.fake.IntN(20))}}},
		{"version", int64(2 + s.fake.IntN(20))},
		{"user", s.person()},
	}
}
