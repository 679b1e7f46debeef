//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// tally is what a step's tests came to.
type tally struct {
	passed, failed, skipped int
	told                    string // what the failed ones printed
	news                    string // lines to show in any case
}

func (t *tally) add(u tally) {
	t.passed += u.passed
	t.failed += u.failed
	t.skipped += u.skipped
	t.told += u.told
}

// countGo reads "go test -json". A package that fails without a failed test (it did not compile, it panicked) is one.
func countGo(output []byte) tally {
	type key struct{ pkg, test string }
	var t tally
	printed := map[key]string{}
	failedIn := map[string]int{}
	for line := range bytes.Lines(output) {
		var e struct{ Action, Package, ImportPath, Test, Output string }
		if json.Unmarshal(line, &e) != nil || e.Action == "" {
			t.told += string(line) // of the compiler, or of go itself
			continue
		}
		k := key{e.Package, e.Test}
		if e.ImportPath != "" { // of the compiler; a package's tests are built under another name than the package's
			k = key{pkg: "build " + e.ImportPath}
		}
		switch {
		case e.Action == "output" || e.Action == "build-output":
			printed[k] += e.Output
		case e.Action == "build-fail":
			t.told += printed[k]
		case e.Test == "" && e.Action == "fail":
			if failedIn[k.pkg] == 0 {
				t.add(tally{failed: 1, told: printed[k]})
			}
		case e.Test == "":
		case e.Action == "pass":
			t.passed++
		case e.Action == "skip":
			t.skipped++
		case e.Action == "fail":
			failedIn[k.pkg]++
			t.add(tally{failed: 1, told: printed[k]})
		}
	}
	return t
}

var (
	nodeCount   = regexp.MustCompile(`(?m)^[#ℹ] (pass|fail|cancelled|skipped) (\d+)$`)
	vitestCount = regexp.MustCompile(`(\d+) (passed|failed|skipped)`)
)

// countNode reads the summary of "node --test".
func countNode(output []byte) tally {
	var t tally
	for _, m := range nodeCount.FindAllSubmatch(output, -1) {
		n, _ := strconv.Atoi(string(m[2])) // digits, by the pattern
		switch string(m[1]) {
		case "pass":
			t.passed += n
		case "skipped":
			t.skipped += n
		default:
			t.failed += n
		}
	}
	if t.failed > 0 {
		t.told = nodeFailures(string(output))
	}
	return t
}

// countScenario reads what build/scenario prints: TAP as Node's, and a line for each verdict.
func countScenario(output []byte) tally {
	t := countNode(output)
	for line := range bytes.Lines(output) {
		if verdict, ok := bytes.CutPrefix(line, []byte("# verdict: ")); ok {
			t.news += "  " + string(verdict)
		}
	}
	return t
}

// nodeFailures leaves the passed tests out of a TAP report.
func nodeFailures(output string) string {
	var b strings.Builder
	shown := false
	for line := range strings.Lines(output) {
		trimmed := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(trimmed, "not ok"):
			shown = true
		case strings.HasPrefix(trimmed, "ok "), strings.HasPrefix(trimmed, "# Subtest"):
			shown = false
		}
		if shown {
			b.WriteString(line)
		}
	}
	return b.String()
}

// countVitest reads the line "Tests  2 failed | 72 passed (74)".
func countVitest(output []byte) tally {
	var t tally
	for line := range bytes.Lines(output) {
		rest, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("Tests "))
		if !ok {
			continue
		}
		for _, m := range vitestCount.FindAllSubmatch(rest, -1) {
			n, _ := strconv.Atoi(string(m[1])) // digits, by the pattern
			switch string(m[2]) {
			case "passed":
				t.passed += n
			case "failed":
				t.failed += n
			case "skipped":
				t.skipped += n
			}
		}
	}
	return t
}
