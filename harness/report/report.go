package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"echolab/harness"
)

// Format is one way to write a result.
type Format struct {
	Name string
	Help string
	File string // its name in a folder (WriteDir); "" for one that only goes to a stream
	// Asked says that WriteDir leaves it out where it is not named.
	Asked bool
	Write func(io.Writer, *harness.Result) error
}

// Formats are all there are, in the order of the help.
var Formats = []Format{
	{Name: "text", File: "summary.txt", Help: "the summary that a person reads",
		Write: func(w io.Writer, r *harness.Result) error { return Text(w, r, TextOptions{}) }},
	{Name: "result", File: "result.json", Help: "everything, histograms too: for merge, compare and --baseline", Write: harness.WriteResult},
	{Name: "summary", File: "summary.json", Help: "k6's end-of-test summary where the meanings agree, and ours beside it", Write: writeK6},
	{Name: "junit", File: "junit.xml", Help: "a test case for each threshold, expectation and verdict", Write: writeJUnit},
	{Name: "html", File: "report.html", Help: "one self-contained page with charts and evidence", Write: writeHTML},
	{Name: "csv", File: "metrics.csv", Help: "one line for each series and point of time", Write: writeCSV},
	{Name: "markdown", File: "summary.md", Asked: true, Help: "the summary for a pull request or a step summary", Write: writeMarkdown},
	{Name: "github", Asked: true, Help: "annotations of GitHub Actions at the scenario's lines", Write: writeAnnotations},
}

// Named is the format of that name.
func Named(name string) (Format, error) {
	for _, f := range Formats {
		if f.Name == name {
			return f, nil
		}
	}
	return Format{}, fmt.Errorf("there is no report format %q; there are %s", name, strings.Join(Names(), ", "))
}

// Names are those of all formats.
func Names() []string {
	names := make([]string, len(Formats))
	for i, f := range Formats {
		names[i] = f.Name
	}
	return names
}

// InFolder are the names of the formats that WriteDir writes where none are named.
func InFolder() []string {
	var names []string
	for _, f := range Formats {
		if f.File != "" && !f.Asked {
			names = append(names, f.Name)
		}
	}
	return slices.Clip(names)
}
