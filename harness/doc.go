// Package harness simulates users of Laravel Echo against any server that speaks the Pusher protocol, holds what they
// received against what they must have received, and ends in a verdict.
//
// Parse reads a Scenario (a YAML file) by the tags of the structs in scenario.go and step.go; its JSON Schema, the page of
// help and the plan's hash are made from the same tags, so that a new step or key is one row. Templates in it are
// expressions, compiled and checked then (expression.go, functions.go).
//
// A Plan can be dealt out to several machines. What a segment's users got of other segments' events it notes without
// judging it, since it does not know when they were sent (sibling.go); that travels in its Result (share.go), and Merge
// settles it (between.go).
//
// A Scenario becomes a Plan; Run plays it with virtual users (package echo) and returns a Result, which is
// all that reports see. Three books are kept meanwhile: the Registry of metrics, the Ledger of deliveries and the House
// of presence. The server is a stranger reached over the network, ours too: this package imports nothing of the
// emulator but the wire.
package harness
