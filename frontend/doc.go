// Package frontend is the page of the browser and the desktop window, as files. Its source is TypeScript beside this
// file (src/), built by "make ui" into dist/, which is compiled into the program. Nothing here knows HTTP: package
// api serves the files.
package frontend
