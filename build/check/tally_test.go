//go:build unix

package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCountGo(t *testing.T) {
	got := countGo([]byte(`{"Action":"start","Package":"a"}
{"Action":"output","Package":"a","Test":"TestX","Output":"    x_test.go:1: boom\n"}
{"Action":"fail","Package":"a","Test":"TestX"}
{"Action":"pass","Package":"a","Test":"TestY"}
{"Action":"skip","Package":"a","Test":"TestZ"}
{"Action":"fail","Package":"a"}
{"Action":"pass","Package":"b","Test":"TestB"}
{"Action":"pass","Package":"b"}
{"ImportPath":"c","Action":"build-output","Output":"c.go:1: undefined\n"}
{"ImportPath":"c","Action":"build-fail"}
{"Action":"fail","Package":"c"}
`))
	assert.Equal(t, tally{passed: 2, failed: 2, skipped: 1, told: "    x_test.go:1: boom\nc.go:1: undefined\n"}, got)
	assert.Equal(t, tally{told: "pattern ./...: no Go files\n"}, countGo([]byte("pattern ./...: no Go files\n")))
}

func TestCountNode(t *testing.T) {
	got := countNode([]byte("TAP version 13\nok 1 - fine\nnot ok 2 - bad\n  ---\n  error: 'no'\n# Subtest: next\nok 3 - next\n# tests 4\n# pass 2\n# fail 1\n# cancelled 1\n# skipped 0\n"))
	assert.Equal(t, tally{passed: 2, failed: 2, told: "not ok 2 - bad\n  ---\n  error: 'no'\n"}, got)
	assert.Equal(t, tally{passed: 3, skipped: 1}, countNode([]byte("ℹ tests 4\nℹ pass 3\nℹ fail 0\nℹ skipped 1\n")))
}

func TestCountVitest(t *testing.T) {
	got := countVitest([]byte(" Test Files  1 failed | 5 passed (6)\n      Tests  3 failed | 89 passed | 1 skipped (93)\n   Start at  09:39:41\n"))
	assert.Equal(t, tally{passed: 89, failed: 3, skipped: 1}, got)
}

func TestCountScenario_ShowsTheVerdicts(t *testing.T) {
	got := countScenario([]byte("  PASSED\nok 1 - a\n# verdict: passed, 2 clients\nnot ok 2 - b\n  missing: 1, want 0\n# pass 1\n# fail 1\n"))
	if got.passed != 1 || got.failed != 1 || got.news != "  passed, 2 clients\n" || got.told != "not ok 2 - b\n  missing: 1, want 0\n# pass 1\n# fail 1\n" {
		t.Errorf("%+v", got)
	}
}
