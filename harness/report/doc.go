// Package report tells people and machines what a run came to. A harness.Result goes in; text, JSON, JUnit XML, HTML,
// CSV, Markdown and GitHub annotations come out, each a row of Formats. It judges nothing: verdicts, thresholds and
// comparisons are the harness's. Beside the formats, Live shows a run under way and Events writes what clients received.
//
// Names and payloads in a result come from servers and scenarios: every format escapes them for where they go, and the
// terminal never gets a control character of theirs.
package report
