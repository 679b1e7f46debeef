package cli

// LogHandler is what the log is written with; terminal says that a person is looking.
var LogHandler = logHandler
