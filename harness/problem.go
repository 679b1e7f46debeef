package harness

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one mistake in a scenario: what it is, where, and what to do.
type Problem struct {
	File string `json:"file"`
	// Line and Column count from 1, characters; 0 where a problem has no place in a file, such as that of a flag.
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Text   string `json:"message"`
}

func (p Problem) String() string {
	switch {
	case p.Line > 0:
		return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Text)
	case p.File != "":
		return p.File + ": " + p.Text
	}
	return p.Text
}

// Problems is why a scenario cannot be run, file by file from top to bottom.
type Problems struct{ List []Problem }

// maxProblems is how many are told; the first ones are often the cause of the others.
const maxProblems = 30

// Error is one line for each problem.
func (p *Problems) Error() string {
	lines := make([]string, len(p.List))
	for i, problem := range p.List {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// sort puts the problems of each file into the order of its lines; those without a place come last.
func (p *Problems) sort() {
	files := make(map[string]int)
	for _, problem := range p.List {
		if _, known := files[problem.File]; !known {
			files[problem.File] = len(files)
		}
	}
	slices.SortStableFunc(p.List, func(a, b Problem) int {
		if a.Line == 0 || b.Line == 0 {
			return cmp.Compare(min(b.Line, 1), min(a.Line, 1)) // without a place: last
		}
		return cmp.Or(cmp.Compare(files[a.File], files[b.File]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

func (p *Problems) add(at spot, format string, args ...any) {
	problem := Problem{Line: at.line, Column: at.column, Text: strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " ")}
	if at.file != nil {
		problem.File = at.file.name
	}
	switch {
	case len(p.List) > maxProblems:
		return
	case len(p.List) == maxProblems:
		problem = Problem{File: problem.File, Text: "more problems follow; mend these first"}
	}
	for _, known := range p.List { // a journey that two scenarios use is read once, an alias as often as it is used
		if known == problem {
			return
		}
	}
	p.List = append(p.List, problem)
}
