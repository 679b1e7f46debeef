// Package api is the control API: HTTP and JSON for the web page, the desktop window, tests and tools, on a listener
// of its own, apart from the emulator's. It decides nothing: it checks what is asked, calls the use cases of package
// app, follows the journal, encodes what they tell, and serves the built page beside it. Its guard keeps other web
// sites and, beyond loopback, anyone without the token out. The JSON is declared in types.go and the routes in
// routes.go, from which build/tsgen writes the page's TypeScript and openapi.json.
package api
