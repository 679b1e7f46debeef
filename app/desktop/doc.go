// Package desktop shows the page in a window of its own (Wails v2). The window talks to the same handler as a browser,
// inside the process: nothing is bound, nothing is generated, there is no second copy of the API. Programs built
// without the tag desktop have the same functions; Available is false and Run says how to get the window.
package desktop
