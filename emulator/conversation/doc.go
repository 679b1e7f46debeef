// Package conversation plays captured conversations between Pusher clients and a server: who connects, what is
// sent, and what has to come back, word for word. The files are data (testdata/conversations/README.md is their
// format), so a protocol bug arrives as a new file first.
//
// The player meets every server as a stranger over the network, a real Laravel Reverb as well as the emulator. It
// signs, frames and compares on its own and shares no code with the server it judges: only the type of an
// application comes from package pusher.
package conversation
