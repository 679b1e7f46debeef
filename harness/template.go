package harness

import "time"

// Text is a text that may hold templates: {{ expression }}. It is compiled once, when the file is read.
type Text struct {
	source string
}

// Value is any JSON value whose texts may hold templates; a text that is one template alone gives the expression's value,
// whatever its type.
type Value struct {
	source any
}

// Expr is one expression that gives true or false.
type Expr struct {
	source string
}

// Wait is a duration, or a range from which one is drawn on the user's own random stream: 2s, 2s..5s.
type Wait struct {
	Least, Most time.Duration
}
