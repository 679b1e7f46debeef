package api

import (
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// pagePolicy lets the page load its own files and talk to this listener, nothing else; no script or style inside the
// document, no frame around it.
const pagePolicy = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; " +
	"form-action 'none'; frame-ancestors 'none'"

// types are set here rather than asked of the system, whose tables differ.
var types = map[string]string{
	".html":        "text/html; charset=utf-8",
	".js":          "text/javascript; charset=utf-8",
	".css":         "text/css; charset=utf-8",
	".json":        "application/json; charset=utf-8",
	".webmanifest": "application/manifest+json",
	".svg":         "image/svg+xml",
	".png":         "image/png",
	".ico":         "image/x-icon",
	".woff2":       "font/woff2",
	".txt":         "text/plain; charset=utf-8",
}

// page serves the built files. A path that does not end like a file is one of the page's own addresses and gets index.html; a
// missing asset is a 404, so that a page from before an update fails where it can be seen. Vite puts a hash of the
// content into the names below /assets/: those may be kept for ever.
func page(files fs.FS) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			refuse(w, http.StatusMethodNotAllowed, "method_not_allowed", "The page is read with GET.")
			return
		}
		name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
		if _, file := types[path.Ext(name)]; !file && !strings.HasPrefix(name, "assets/") {
			name = "index.html"
		}
		var body []byte
		err := fs.ErrNotExist
		if files != nil {
			body, err = fs.ReadFile(files, name)
		}
		if err != nil {
			refuse(w, http.StatusNotFound, "not_found", fmt.Sprintf("There is no file %s here.", r.URL.Path))
			return
		}
		head := w.Header()
		head.Set("Content-Type", types[path.Ext(name)])
		head.Set("Content-Security-Policy", pagePolicy)
		head.Set("X-Frame-Options", "DENY")
		head.Set("Cache-Control", "no-cache")
		if strings.HasPrefix(name, "assets/") {
			head.Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		if r.Method == http.MethodGet {
			_, _ = w.Write(body)
		}
	})
}
