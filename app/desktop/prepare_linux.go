//go:build desktop || dev || bindings

package desktop

import (
	"fmt"
	"os"
)

// prepare looks for a screen, because GTK ends the process when there is none, and gives the web view a language:
// with LANG empty or C it reports the language "C", which is none, and JavaScript's Intl throws.
func prepare() error {
	if os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
		return fmt.Errorf("%w: neither DISPLAY nor WAYLAND_DISPLAY is set, so there is no screen to open it on; "+
			"open the page in a browser instead", ErrNoWindow)
	}
	for _, name := range []string{"LC_ALL", "LANG"} {
		switch value, set := os.LookupEnv(name); {
		case value == "" && name == "LC_ALL" && !set:
		case value == "", value == "C", value == "POSIX", value == "C.UTF-8", value == "C.utf8":
			if err := os.Setenv(name, "en_US.UTF-8"); err != nil {
				return err
			}
		}
	}
	return nil
}
