package report

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"echolab/harness"
)

// maxAnnotations is how many errors GitHub shows of one step.
const maxAnnotations = 10

// maxStepSummary is what GitHub takes of a step's summary: 1 MiB.
const maxStepSummary = 1 << 20

// GitHub tells a job of GitHub Actions what the run came to: annotations on w, and the summary appended to the file of
// GITHUB_STEP_SUMMARY. env reads the environment; dir is the folder that the scenario's name is relative to. Outside of
// GitHub Actions it does nothing.
func GitHub(w io.Writer, r *harness.Result, env func(string) string, dir string) error {
	if env("GITHUB_ACTIONS") != "true" {
		return nil
	}
	if err := annotate(w, r, inRepository(env, dir)); err != nil {
		return err
	}
	path := env("GITHUB_STEP_SUMMARY")
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("step summary: %w", err)
	}
	var b strings.Builder
	_ = writeMarkdown(&b, r) // a strings.Builder takes everything
	text := b.String()
	if len(text) > maxStepSummary-2 {
		text = text[:strings.LastIndexByte(text[:maxStepSummary-2], '\n')+1]
	}
	_, err = io.WriteString(f, text+"\n")
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("step summary: %w", err)
	}
	return nil
}

// GitHubProblems tells a job of GitHub Actions what is wrong with a scenario: an annotation for each of the first
// problems, at its line. Outside of GitHub Actions it does nothing.
func GitHubProblems(w io.Writer, problems []harness.Problem, env func(string) string, dir string) error {
	if env("GITHUB_ACTIONS") != "true" {
		return nil
	}
	path := inRepository(env, dir)
	for _, p := range problems[:min(len(problems), maxAnnotations)] {
		at := ""
		if p.File != "" {
			at = "file=" + property(path(p.File)) + ","
		}
		if p.Line > 0 {
			at += fmt.Sprintf("line=%d,col=%d,", p.Line, p.Column)
		}
		if _, err := fmt.Fprintf(w, "::error %stitle=Scenario::%s\n", at, message(p.Text)); err != nil {
			return err
		}
	}
	return nil
}

// inRepository names files as GitHub does, from the repository's root.
func inRepository(env func(string) string, dir string) func(file string) string {
	root := env("GITHUB_WORKSPACE")
	if root == "" {
		return func(file string) string { return file }
	}
	return func(file string) string {
		path := file
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		if rel, err := filepath.Rel(root, path); err == nil && filepath.IsLocal(rel) {
			return filepath.ToSlash(rel)
		}
		return file
	}
}

func writeAnnotations(w io.Writer, r *harness.Result) error {
	return annotate(w, r, func(file string) string { return file })
}

// annotation is one remark at a place of the scenario.
type annotation struct{ level, place, title, text string }

func annotate(w io.Writer, r *harness.Result, path func(string) string) error {
	var all []annotation
	level := "error"
	for _, t := range r.Thresholds {
		if !t.OK {
			all = append(all, annotation{level, t.Place, "Threshold failed", t.Metric + " must be " + t.Expression + "; measured: " + value(t)})
		}
	}
	for _, e := range r.Expectations {
		if e.Failed > 0 {
			text := fmt.Sprintf("%s failed %d of %d times", e.Name, e.Failed, e.Failed+e.Held)
			if len(e.Evidence) > 0 {
				text += "\n" + strings.Join(e.Evidence[:min(3, len(e.Evidence))], "\n")
			}
			all = append(all, annotation{level, e.Place, "Expectation failed", text})
		}
	}
	for _, l := range r.Listeners {
		all = append(all, annotation{level, l.Place, "Dead listener", listenerLine(l) + "\nFix: " + l.Fix})
	}
	slices.SortStableFunc(all, func(a, b annotation) int { // those with a line of their own, before the room is used up
		return cmp.Compare(min(1, len(b.place)), min(1, len(a.place)))
	})
	switch r.Verdict {
	case harness.Unreachable, harness.Inconclusive, harness.Interrupted:
		all = append([]annotation{{level, "", strings.ToUpper(string(r.Verdict[:1])) + string(r.Verdict[1:]), strings.Join(r.Reasons, "\n")}}, all...)
	}
	if len(all) > maxAnnotations {
		all[maxAnnotations-1] = annotation{level, "", "More", fmt.Sprintf("and %d more; the step's summary has all", len(all)-maxAnnotations+1)}
		all = all[:maxAnnotations]
	}
	for _, warning := range r.Warnings {
		all = append(all, annotation{"warning", "", "Echolab", warning})
	}
	for _, a := range all {
		file, line, col := place(a.place)
		if file == "" {
			file, line, col = r.File, 1, 0
		}
		var properties []string
		if file != "" {
			properties = append(properties, "file="+property(path(file)), fmt.Sprintf("line=%d", line))
			if col > 0 {
				properties = append(properties, fmt.Sprintf("col=%d", col))
			}
		}
		properties = append(properties, "title="+property(a.title))
		if _, err := fmt.Fprintf(w, "::%s %s::%s\n", a.level, strings.Join(properties, ","), message(a.text)); err != nil {
			return err
		}
	}
	return nil
}

// place reads file:line:column; a file's name may hold colons.
func place(text string) (file string, line, column int) {
	file, last := cutLast(text)
	before, middle := cutLast(file)
	if before != "" {
		if l, err := strconv.Atoi(middle); err == nil {
			if c, err := strconv.Atoi(last); err == nil {
				return before, l, c
			}
		}
	}
	if l, err := strconv.Atoi(last); err == nil {
		return file, l, 0
	}
	return "", 0, 0
}

func cutLast(text string) (before, after string) {
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return "", text
	}
	return text[:i], text[i+1:]
}

// GitHub's workflow commands end at a line end, and their properties at a comma or two colons (actions/toolkit
// packages/core/src/command.ts).
var (
	messageEscapes  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func message(text string) string { return messageEscapes.Replace(plainLines(text)) }

func property(text string) string { return propertyEscapes.Replace(plain(text)) }
