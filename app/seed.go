package app

import (
	"bytes"
	_ "embed"
	"regexp"
)

// seedName stands for the built-in application where a message needs a file's name.
const seedName = "built in"

//go:embed seed.yaml
var seedFile []byte

// Seed is the echolab.yaml that the emulated application is described by where there is no other: commented, to start
// from.
func Seed() []byte { return bytes.Clone(seedFile) }

var seedToken = regexp.MustCompile(`token: ([^\s,}]+)`)

// publishedTokens are the tokens of the built-in users: whoever has Echolab can read them, so they prove nothing.
func publishedTokens() (all []string) {
	for _, found := range seedToken.FindAllSubmatch(seedFile, -1) {
		all = append(all, string(found[1]))
	}
	return all
}
