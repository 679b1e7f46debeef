//go:build !desktop && !dev && !bindings

package desktop

import (
	"context"
	"fmt"
)

// Available tells whether this program was built with the window.
const Available = false

// Run reports that there is no window in this program.
func Run(context.Context, Options) error {
	return fmt.Errorf("%w in this build of Echolab: open the page in a browser, or run \"make desktop\"", ErrNoWindow)
}
