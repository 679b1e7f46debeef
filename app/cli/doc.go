// Package cli is the command line. It turns arguments into calls of package app, prints what they return, and turns
// errors into exit codes; it alone listens for signals. It decides nothing about what Echolab does.
//
// Exit codes: 0 all went well, 1 something failed, 2 wrong usage, a wrong setting or a port in use, 130 interrupted
// twice. Results go to standard output, problems and warnings to standard error.
package cli
