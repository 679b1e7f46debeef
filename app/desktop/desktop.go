package desktop

import (
	"errors"
	"net/http"
)

// ErrNoWindow is wrapped by the error of Run when this program or this machine has no window to offer. The server can
// go on without: print the error and serve.
var ErrNoWindow = errors.New("no window")

// Options describes the window. Handler is needed; the rest has defaults.
type Options struct {
	// Title of the window; "Echolab" when empty.
	Title string
	// Handler answers what the window asks: page and API, see api.Handler.Window.
	Handler http.Handler
	// OnReady is called once, when the page has been loaded.
	OnReady func()
}
