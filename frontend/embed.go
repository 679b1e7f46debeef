package frontend

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

//go:embed unbuilt
var unbuilt embed.FS

// Files is the page, index.html at its root: the built one, or where the program was compiled before the page was
// built, one that says how to build it.
func Files() fs.FS {
	folder, from := "dist", dist
	if !Built() {
		folder, from = "unbuilt", unbuilt
	}
	files, err := fs.Sub(from, folder)
	if err != nil {
		panic(err) // both folders are part of the program
	}
	return files
}

// Built tells whether the built page is part of this program.
func Built() bool {
	_, err := fs.Stat(dist, "dist/index.html")
	return err == nil
}
