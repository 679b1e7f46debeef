// Package app puts Echolab's parts together. It reads the configuration, opens the store, starts the emulator and
// offers every use case as a method; the command line, the browser's API and the desktop window only call it and
// show what it returns. It prints nothing, knows no flags library and listens for no signals.
//
// Sources go in (flags, environment, .env, echolab.yaml), a Config comes out in which each value knows where it came
// from; a Config goes in, a running App comes out.
package app
