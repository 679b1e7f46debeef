// Echolab emulates Laravel Reverb for developers. Everything is in app/cli.
package main

import (
	"os"

	"echolab/app/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
