// Package laravel stands in for the Laravel application behind a front end that uses Echo: it authorises channels,
// keeps users, presence, activities, versions and notifications, and sends the events that the application would send.
//
// An Application is what echolab.yaml describes: users, entities, channel rules, events. A Backend runs one. It is
// handed a function that publishes and a Store that keeps its rows; it knows neither the emulator nor SQLite, and
// knows who asks only from the request.
//
// Rows that users made, changed or deleted are theirs; every other row is what the description says at the moment (see
// entityRows). Whatever changes one goes through Act, be it a request, the control API or a scenario: the row is stored
// with its data version, then come its events (consequences), then the activity.
//
// Lock order: a row's turn, held until its events are sent, so that they go out in the order of its changes → changing,
// held until the store has the row → versions → rows. Presences, the feed, notifications and documents have a lock each
// that no other is taken under.
package laravel
