//go:build linux

// Command bench measures a running Echolab from outside, the way its users' clients load it: the server is its own
// process on one core, this program on the other, and the server's processor time and memory are read from the
// system. "make bench" runs it. Linux only, loopback only; it ends by itself.
package main
