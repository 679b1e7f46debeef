package api

import "time"

// SetBodyPatience is for tests that do not want to wait for half a minute.
func SetBodyPatience(d time.Duration) (before time.Duration) {
	before, bodyPatience = bodyPatience, d
	return before
}
