// Package scenarios holds the scenarios that are built in: one commented file each, which is a test's data, a preset of
// `echolab run --preset` and what `echolab init scenario` writes, all at once.
package scenarios

import "embed"

// Files are the scenarios, each NAME.yaml.
//
//go:embed *.yaml
var Files embed.FS

// Names are those of all scenarios, in the order of the help.
var Names = []string{
	"invoice-day", "presence-storm", "typing-room", "reconnect-storm", "subscribe-churn", "idle-soak", "fanout-knee", "notification-burst", "notifications", "toothers",
}
