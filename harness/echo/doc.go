// Package echo is a client as laravel-echo and pusher-js are one: it connects over a real WebSocket, signs its own
// subscriptions with the application's secret, and hands out what it hears. It does not come back by itself after its
// connection ended.
package echo
