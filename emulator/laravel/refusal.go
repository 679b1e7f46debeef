package laravel

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Refusal is what the application does not do, with the status and the words of Laravel's answer.
type Refusal struct {
	Status  int
	Message string
	// Errors are the validator's, by field (422).
	Errors map[string][]string
	// Answer is what the body has beside the message: version and data of a conflict, the lock of somebody else.
	Answer Object
}

// Error is the message, with what is wrong with each field.
func (r *Refusal) Error() string {
	fields := make([]string, 0, len(r.Errors))
	for field := range r.Errors {
		fields = append(fields, field)
	}
	slices.Sort(fields)
	text := r.Message
	for _, field := range fields {
		text += "\n" + field + ": " + strings.Join(r.Errors[field], " ")
	}
	return text
}

var errForbidden = &Refusal{Status: http.StatusForbidden, Message: "This action is unauthorized."}

// noRow is what a missing model's route answers.
func noRow(typ, id string) *Refusal {
	return &Refusal{Status: http.StatusNotFound, Message: fmt.Sprintf("No query results for model [%s] %s", model(typ), id)}
}

func noRoute(path string) *Refusal {
	return &Refusal{Status: http.StatusNotFound, Message: fmt.Sprintf("The route %s could not be found.", strings.Trim(path, "/"))}
}

// conflict is the answer to a change of a row that is no longer what the caller saw.
func conflict(r Row, message string) *Refusal {
	return &Refusal{Status: http.StatusConflict, Message: message, Answer: Object{{"version", r.Version}, {"data", r.Object()}}}
}

// unfit is the validator's answer; its message is the first one, as Laravel sums them up.
func unfit(wrong faults) *Refusal {
	fields, n := make([]string, 0, len(wrong)), 0
	for field, messages := range wrong {
		fields = append(fields, field)
		n += len(messages)
	}
	slices.Sort(fields)
	message := wrong[fields[0]][0]
	switch {
	case n == 2:
		message += " (and 1 more error)"
	case n > 2:
		message += fmt.Sprintf(" (and %d more errors)", n-1)
	}
	return &Refusal{Status: http.StatusUnprocessableEntity, Message: message, Errors: wrong}
}

// checkExcept refuses an X-Socket-ID that the Pusher client throws at (protocol N). Laravel would have saved the row by
// then, unless a transaction holds it back: here nothing is kept, so that a refused request changes nothing.
func checkExcept(except string) error {
	if except != "" && !socketID.MatchString(except) {
		return &Refusal{Status: http.StatusInternalServerError, Message: "Invalid socket ID " + except}
	}
	return nil
}

// refuse answers with what err says; anything but a Refusal is a 500.
func (b *Backend) refuse(c *call, err error) {
	r, ok := err.(*Refusal)
	switch {
	case !ok:
		b.log.Error("the emulated application failed", "path", c.r.URL.Path, "err", err)
		c.fail(http.StatusInternalServerError, "Server Error")
	case r.Status == http.StatusUnprocessableEntity:
		c.invalid(r.Errors)
	case r.Status == http.StatusInternalServerError:
		b.log.Error("the emulated application failed", "path", c.r.URL.Path, "err", r.Message)
		c.fail(r.Status, "Server Error") // what was thrown is for the log
	case r.Answer != nil:
		c.json(r.Status, append(Object{{"message", r.Message}}, r.Answer...))
	default:
		c.fail(r.Status, r.Message)
	}
}
