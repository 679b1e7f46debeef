package harness

// User is one virtual user: its client, variables and random stream.
type User struct{}
