package api

import (
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// pagePolicy lets the page load its own files and talk to this listener, nothing else; no script or style inside the
// document, no frame around it.
const pagePolicy = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; " +
	"form-action 'none'; frame-ancestors 'none'"

// types are set here rather than asked of the system, whose tables differ. What ends in one of them is a file; the
// page's own addresses may end in anything else, such as /channels/private-client.5.
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
	".map":         "application/json; charset=utf-8",
	".mjs":         "text/javascript; charset=utf-8",
	".wasm":        "application/wasm",
	".xml":         "text/xml; charset=utf-8",
}

// page serves the built files. A path that is not like a file's is one of the page's own addresses and gets index.html;
// a missing file is a 404, so that a page from before an update fails where it can be seen. Vite puts a hash of the
// content into the names below /assets/: those may be kept for ever.
func page(files fs.FS) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			refuse(w, http.StatusMethodNotAllowed, "method_not_allowed", "The page is read with GET.")
			return
		}
		name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
		kind := types[path.Ext(name)]
		if !likeFile(name) {
			name, kind = "index.html", types[".html"]
		}
		var body []byte
		err := fs.ErrNotExist
		if files != nil && kind != "" { // what has no type is in the folder for git, not for browsers
			body, err = fs.ReadFile(files, name)
		}
		if err != nil {
			refuse(w, http.StatusNotFound, "not_found", fmt.Sprintf("There is no file %s here.", r.URL.Path))
			return
		}
		head := w.Header()
		head.Set("Content-Type", kind)
		head.Set("Content-Length", strconv.Itoa(len(body)))
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

// likeFile tells a file's path from an address of the page.
func likeFile(name string) bool {
	_, known := types[path.Ext(name)]
	return known || strings.HasPrefix(path.Base("/"+name), ".") || name == "assets" || strings.HasPrefix(name, "assets/")
}
