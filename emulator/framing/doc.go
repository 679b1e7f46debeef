// Package framing is WebSocket's framing (RFC 6455, section 5): bytes in, messages and control frames out, for a server as
// for a client. It does no I/O and knows neither the handshake nor what the messages say. What breaks the rules is a
// Violation; whoever reads decides what the peer and the log are told of it.
package framing
