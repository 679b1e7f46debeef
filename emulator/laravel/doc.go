// Package laravel stands in for the Laravel application behind a front end that uses Echo: it authorises channels,
// keeps users, presence, activities, versions and notifications, and sends the events that the application would send.
//
// An Application is what echolab.yaml describes: users, entities, channel rules, events. A Backend runs one. It is
// handed a function that publishes and a Store that keeps its rows; it knows neither the emulator nor SQLite, and
// knows who asks only from the request.
package laravel
