// Package pusher is the wire protocol and nothing else: applications, profiles, channel kinds, messages,
// errors and signatures as the Pusher protocol (version 7) and Laravel Reverb define them. It does no I/O and
// keeps no state. The emulator answers with it, the virtual client speaks it, the proxy reads it.
package pusher
