// Package api is the control API: HTTP and JSON for the web page, the desktop window, tests and tools, on a listener
// of its own, apart from the emulator's. It decides nothing: it reads what a Backend tells and follows the journal,
// encodes both, and serves the built page beside them. Its guard keeps other web sites and, beyond loopback, anyone
// without the token out. The JSON is declared in types.go, from which build/tsgen writes the page's TypeScript.
package api
