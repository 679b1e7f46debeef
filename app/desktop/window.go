//go:build desktop || dev || bindings

package desktop

import (
	"context"
	_ "embed"
	"net/http"
	"strings"
	"sync"

	"github.com/wailsapp/wails/v2"
	"github.com/wailsapp/wails/v2/pkg/logger"
	"github.com/wailsapp/wails/v2/pkg/options"
	"github.com/wailsapp/wails/v2/pkg/options/assetserver"
	"github.com/wailsapp/wails/v2/pkg/options/linux"
	"github.com/wailsapp/wails/v2/pkg/options/mac"
	"github.com/wailsapp/wails/v2/pkg/runtime"
)

// Available tells whether this program was built with the window.
const Available = true

//go:embed icon.png
var icon []byte

// Run opens the window and returns when it was closed or ctx ended, nil in both cases. It must be called from the
// main goroutine: the toolkits of all three systems want the process's first thread.
func Run(ctx context.Context, opt Options) error {
	if err := prepare(); err != nil {
		return err
	}
	title := opt.Title
	if title == "" {
		title = "Echolab"
	}
	ended := make(chan struct{})
	defer close(ended)
	var ready sync.Once
	return wails.Run(&options.App{
		Title:            title,
		Width:            1280,
		Height:           800,
		MinWidth:         720,
		MinHeight:        480,
		BackgroundColour: options.NewRGB(21, 26, 29),
		AssetServer: &assetserver.Options{
			// Everything but Wails's own scripts. Not Handler: that comes after the file system, which in "wails dev"
			// is Vite, and Vite answers every path itself.
			Middleware: func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if strings.HasPrefix(r.URL.Path, "/wails/") {
						next.ServeHTTP(w, r)
						return
					}
					opt.Handler.ServeHTTP(w, r)
				})
			},
		},
		EnableDefaultContextMenu: true, // copy and paste
		LogLevelProduction:       logger.ERROR,
		OnStartup: func(window context.Context) {
			go func() { // ends with Run
				select {
				case <-ctx.Done():
					runtime.Quit(window)
				case <-ended:
				}
			}()
		},
		OnDomReady: func(context.Context) {
			if opt.OnReady != nil {
				ready.Do(opt.OnReady)
			}
		},
		Linux: &linux.Options{Icon: icon, ProgramName: "echolab", WebviewGpuPolicy: linux.WebviewGpuPolicyNever},
		Mac:   &mac.Options{About: &mac.AboutInfo{Title: "Echolab", Icon: icon}},
	})
}
