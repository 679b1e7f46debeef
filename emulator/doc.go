// Package emulator is the Reverb-compatible server: WebSocket clients on /app/{key}, the signed HTTP API on
// /apps/{id}/…. It asks for applications through Apps and tells everything that happens through a journal; it knows
// no store and no configuration file.
//
// Locks, in this order and never the other way round: shard (channels, subscribers, members) → users (signed-in
// users) → connection (outgoing queue) → journal. A shard's lock is held for encode → enqueue → append, so that the
// order of delivery, of presence and of the journal agree within a channel; it is never held over I/O.
//
// Slow consumers: what waits for a connection is bounded in bytes (Config.QueueBytes and the largest frame), one write in time
// (Config.WriteTimeout). Beyond either the connection is closed with 4100, on which pusher-js comes back after a
// second; nobody else ever waits for it and nothing is dropped from the middle of what it gets.
package emulator
