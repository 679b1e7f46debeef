package app

import "echolab/harness/spelling"

// Closest gives the known word that a person may have meant by word, or "" when none is near.
func Closest(word string, known []string) string { return spelling.Closest(word, known) }
