package app

import (
	"bytes"
	_ "embed"
)

// seedName stands for the built-in application where a message needs a file's name.
const seedName = "built in"

//go:embed seed.yaml
var seedFile []byte

// Seed is the echolab.yaml that the emulated application is described by where there is no other: commented, to start
// from.
func Seed() []byte { return bytes.Clone(seedFile) }
