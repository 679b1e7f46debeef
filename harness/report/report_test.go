package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/harness"
	"echolab/harness/report"
)

var update = flag.Bool("update", false, "write the golden files in testdata/reports anew")

// golden is a file of testdata/reports.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("../../testdata/reports", name)
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got, "%s; go test ./harness/report -update writes it anew", name)
}

func written(t *testing.T, format string, r *harness.Result) string {
	t.Helper()
	f, err := report.Named(format)
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, f.Write(&b, r))
	return b.String()
}

// hostile is a result whose every name tries to be something else.
func hostile(t *testing.T) *harness.Result {
	const evil = "<script>alert(1)</script>\x1b[31m\u202e](javascript:1) `x` | ]]> & \"'\r\n::error::x"
	r := failed(t)
	r.Name, r.File, r.Reasons, r.Warnings = evil, evil, []string{evil}, []string{evil}
	r.Target.Embedded, r.Target.URL, r.Target.Server = false, evil, evil
	for i := range r.Delivery.Evidence {
		r.Delivery.Evidence[i].Event, r.Delivery.Evidence[i].Channel, r.Delivery.Evidence[i].Why = evil, evil, evil
	}
	for i := range r.Presence.Evidence {
		r.Presence.Evidence[i].Member = evil
	}
	r.Listeners[0].Event, r.Listeners[0].Fix = evil, evil
	r.Expectations[0].Name, r.Expectations[0].Place, r.Expectations[0].Evidence = evil, evil+":1:2", []string{evil}
	r.Phases[0].Name = evil
	for i := range r.Metrics {
		for key := range r.Metrics[i].Tags {
			if r.Metrics[i].Name == "errors" || r.Metrics[i].Name == "delivery_latency" {
				r.Metrics[i].Tags[key] = evil
			}
		}
	}
	return r
}

// small are the results that other tests read from testdata/reports.
func small(t *testing.T) map[string]*harness.Result {
	a := play{clients: 10, seconds: 12, rate: 10, seed: 7}.run(t)
	b := play{clients: 10, seconds: 12, rate: 10, seed: 8, slow: 80, lose: 150, wrongs: true}.run(t)
	b.ID = "77e0aa11"
	one := play{clients: 6, seconds: 6, rate: 10, seed: 3, segment: "1/2"}.run(t)
	two := play{clients: 6, seconds: 6, rate: 10, seed: 3, segment: "2/2"}.run(t)
	two.ID = "4f3a2b1d"
	return map[string]*harness.Result{"passed": a, "failed": b, "segment-1": one, "segment-2": two}
}

func TestFormats_ReportsForOthersAreAsTheyWere(t *testing.T) {
	for name, r := range small(t) {
		golden(t, name+".json", written(t, "result", r))
	}
	for name, r := range results(t) {
		golden(t, name+".txt", written(t, "text", r))
	}
	golden(t, "failed.md", written(t, "markdown", failed(t)))
	golden(t, "failed.github", written(t, "github", failed(t)))
	golden(t, "failed.junit.xml", written(t, "junit", failed(t)))
}

func TestFormats_EachTakesEveryResultAndNothingOfItIsObeyed(t *testing.T) {
	all := results(t)
	all["hostile"], all["empty"] = hostile(t), &harness.Result{}
	for name, r := range all {
		for _, f := range report.Formats {
			text := written(t, f.Name, r)
			if f.Name == "result" || f.Name == "summary" {
				assert.True(t, json.Valid([]byte(text)), "%s of %s", f.Name, name)
				continue
			}
			assert.False(t, strings.ContainsAny(text, "\x1b\u202e"), "%s of %s", f.Name, name)
			if f.Name == "html" || f.Name == "markdown" || f.Name == "junit" {
				assert.False(t, strings.Contains(text, "<script"), "%s of %s", f.Name, name)
			}
		}
	}
}

// TestGitHub_ADeadListenerIsShownAtItsStep, before what has no line of its own.
func TestGitHub_ADeadListenerIsShownAtItsStep(t *testing.T) {
	lines := strings.Split(written(t, "github", failed(t)), "\n")
	at := slices.IndexFunc(lines, func(line string) bool {
		return strings.HasPrefix(line, "::error file=testdata/scenarios/invoice-day.yaml,line=22,col=9,title=Dead listener::.listen(")
	})
	require.GreaterOrEqual(t, at, 0, strings.Join(lines, "\n"))
	assert.Less(t, at, slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, ",line=1,") }))
}

// TestHTML_WhatWentWrongShowsWhatIsMissing: lost deliveries stand in the chart, and a short phase keeps its name.
func TestHTML_WhatWentWrongShowsWhatIsMissing(t *testing.T) {
	page := written(t, "html", failed(t))
	_, chart, found := strings.Cut(page, "What went wrong")
	require.True(t, found)
	chart, _, _ = strings.Cut(chart, "Processors used")
	assert.Contains(t, chart, "missing")
	assert.Regexp(t, `class="band[^"]* narrow"[^>]*><span>drain<`, chart)
}

// TestText_WhatWasNotMeasuredIsNotShownAsNothing: of a target that never answered there is no CPU to tell.
func TestText_WhatWasNotMeasuredIsNotShownAsNothing(t *testing.T) {
	r := unreachable()
	r.Metrics, r.Health = []harness.MetricResult{{Name: "connections", Kind: harness.Gauge}}, harness.HealthResult{OK: true}
	var b strings.Builder
	require.NoError(t, report.Text(&b, r, report.TextOptions{}))
	assert.NotContains(t, b.String(), "CPU")
	assert.NotContains(t, written(t, "junit", r), "CPU 0.00")
}

func TestText_VerdictComesFirstAndColourOnlyWhenAsked(t *testing.T) {
	r := failed(t)
	var plain, coloured bytes.Buffer
	require.NoError(t, report.Text(&plain, r, report.TextOptions{Width: 90}))
	require.NoError(t, report.Text(&coloured, r, report.TextOptions{Width: 90, Colour: true}))
	assert.True(t, strings.HasPrefix(plain.String(), "FAILED  invoice-day"))
	assert.Equal(t, plain.String(), regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(coloured.String(), ""))
	for line := range strings.Lines(plain.String()) {
		assert.LessOrEqual(t, len([]rune(line)), 91, line)
	}
	assert.LessOrEqual(t, strings.Count(written(t, "text", passed(t)), "\n"), 30, "a screen")
}

// TestJUnit_HasWhatReadersExpect checks names, nesting and sums, as the schemas of Ant and Jenkins have them.
func TestJUnit_HasWhatReadersExpect(t *testing.T) {
	type counted struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
	}
	var all struct {
		XMLName xml.Name `xml:"testsuites"`
		counted
		Suites []struct {
			counted
			Name      string `xml:"name,attr"`
			Timestamp string `xml:"timestamp,attr"`
			Cases     []struct {
				Name    string `xml:"name,attr"`
				Class   string `xml:"classname,attr"`
				Failure *struct {
					Message string `xml:"message,attr"`
					Text    string `xml:",chardata"`
				} `xml:"failure"`
				Error *struct{} `xml:"error"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	require.NoError(t, xml.Unmarshal([]byte(written(t, "junit", failed(t))), &all))
	var sum counted
	said := map[string]string{}
	for _, s := range all.Suites {
		assert.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$`, s.Timestamp)
		sum.Tests += len(s.Cases)
		for _, c := range s.Cases {
			assert.NotEmpty(t, c.Class)
			if c.Failure != nil {
				sum.Failures++
				said[s.Name+"/"+c.Name] = c.Failure.Text
			}
			if c.Error != nil {
				sum.Errors++
			}
		}
	}
	assert.Equal(t, sum, all.counted)
	assert.Contains(t, said["thresholds/delivery_latency p(95)<50"], "at testdata/scenarios/invoice-day.yaml:40:23")
	assert.Contains(t, said["expectations/staff: everybody is here"], "39 members instead of 40")
	assert.Contains(t, said["delivery/no delivery is missing"], "#492 InvoiceCreated on private-client.2")
	assert.Contains(t, said["presence/every list is the truth"], "member 40")

	require.NoError(t, xml.Unmarshal([]byte(written(t, "junit", unreachable())), &all))
	assert.Equal(t, 1, all.Errors, "nothing failed, and yet it is no pass")
}

func TestSummary_HasK6sShape(t *testing.T) {
	var s struct {
		Metrics map[string]struct {
			Type, Contains string
			Values         map[string]float64
			Thresholds     map[string]struct{ OK bool }
		}
		RootGroup struct {
			ID     string
			Checks []struct {
				Name, Path, ID string
				Passes, Fails  int64
			}
		} `json:"root_group"`
		State   struct{ TestRunDurationMs float64 }
		Verdict string
		Errors  map[string]int64
	}
	require.NoError(t, json.Unmarshal([]byte(written(t, "summary", failed(t))), &s))
	m := s.Metrics["delivery_latency"]
	assert.Equal(t, "trend", m.Type)
	assert.Equal(t, "time", m.Contains)
	for _, stat := range []string{"avg", "min", "med", "max", "p(90)", "p(95)", "p(99)", "count"} {
		assert.Positive(t, m.Values[stat], stat)
	}
	assert.Equal(t, map[string]struct{ OK bool }{"p(95)<50": {false}}, m.Thresholds)
	assert.Equal(t, map[string]struct{ OK bool }{"p(99)<100": {false}}, s.Metrics["delivery_latency{event:InvoiceCreated}"].Thresholds)
	assert.Equal(t, map[string]float64{"count": 5, "rate": 5.0 / 75}, s.Metrics["deliveries_missing"].Values)
	assert.Equal(t, 42.0, s.Metrics["vus"].Values["max"])
	assert.Equal(t, map[string]float64{"rate": 0.96, "passes": 72, "fails": 3}, s.Metrics["checks"].Values)
	assert.Equal(t, "d41d8cd98f00b204e9800998ecf8427e", s.RootGroup.ID, "k6's own for the root")
	assert.Equal(t, int64(72), s.RootGroup.Checks[0].Passes)
	assert.Equal(t, 75_000.0, s.State.TestRunDurationMs)
	assert.Equal(t, "failed", s.Verdict)
	assert.Equal(t, int64(2), s.Errors["publish: 413"])
}

func TestHTML_StandsAlone(t *testing.T) {
	text := written(t, "html", hostile(t))
	assert.Contains(t, text, `Content-Security-Policy" content="default-src 'none'`)
	assert.NotRegexp(t, `(?i)<(script|iframe|object|embed|img|base)\b`, text)
	for _, m := range regexp.MustCompile(`(?i)\b(?:src|href|action|url)\s*[=(]\s*["']?([^"'\s>)]*)`).FindAllStringSubmatch(text, -1) {
		assert.Equal(t, "data:,", m[1], "nothing is fetched")
	}
	assert.NotContains(t, text, "ZgotmplZ", "html/template refused a value")
	assert.Contains(t, text, "&lt;script&gt;alert(1)&lt;/script&gt;")
	good := written(t, "html", failed(t))
	for _, words := range []string{"Delivery latency", "Distribution", "Wrong deliveries", "4201", "pong not in time", "9c1e77a0d2b4", "build-7", "constant-arrival-rate"} {
		assert.Contains(t, good, words)
	}
	for _, m := range regexp.MustCompile(` d="([^"]*)"`).FindAllStringSubmatch(good, -1) {
		assert.Regexp(t, `^M[-0-9. MLe]+$`, m[1])
	}
}

func TestCSV_HasARowForEachSeriesAndPoint(t *testing.T) {
	r := passed(t)
	rows, err := csv.NewReader(strings.NewReader(written(t, "csv", r))).ReadAll()
	require.NoError(t, err)
	want := 1
	for _, m := range r.Metrics {
		want += 1 + len(m.Points)
	}
	assert.Len(t, rows, want)
	assert.Equal(t, []string{"metric", "kind", "tags", "t_ms"}, rows[0][:4])
}

func TestWriteDir_LeavesWholeFilesOrNone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out", "deep")
	files, err := report.WriteDir(dir, passed(t))
	require.NoError(t, err)
	assert.Len(t, files, len(report.InFolder()))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, len(files), "nothing is left beside them")
	f, err := os.Open(filepath.Join(dir, "result.json"))
	require.NoError(t, err)
	defer f.Close()
	_, err = harness.ReadResult(f)
	require.NoError(t, err)

	_, err = report.WriteDir(dir, passed(t), "pdf")
	assert.ErrorContains(t, err, `there is no report format "pdf"; there are text, result`)
	_, err = report.WriteDir(dir, passed(t), "github")
	assert.ErrorContains(t, err, "has no file")

	path := filepath.Join(dir, "result.json")
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	broken := errors.New("broken")
	err = report.WriteFile(path, func(w io.Writer) error {
		_, _ = io.WriteString(w, "half")
		return broken
	})
	assert.ErrorIs(t, err, broken)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, before, after)
	entries, err = os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, len(files))

	require.NoError(t, os.Mkdir(filepath.Join(t.TempDir(), "x"), 0o755))
	blocked := filepath.Join(dir, "result.json")
	_, err = report.WriteDir(blocked, passed(t))
	assert.Error(t, err, "a file stands where the folder should be")
}

func TestGitHub_AnnotatesInTheRepositoryAndAppendsTheSummary(t *testing.T) {
	dir := t.TempDir()
	summary := filepath.Join(dir, "summary.md")
	require.NoError(t, os.WriteFile(summary, []byte("before\n"), 0o644))
	env := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": dir, "GITHUB_STEP_SUMMARY": summary}
	r := failed(t)
	for i := range r.Thresholds {
		if r.Thresholds[i].Place != "" {
			r.Thresholds[i].Place = "day, 1%.yaml:40:23"
		}
	}
	var out bytes.Buffer
	require.NoError(t, report.GitHub(&out, r, func(name string) string { return env[name] }, filepath.Join(dir, "load")))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	assert.Equal(t, "::error file=load/day%2C 1%25.yaml,line=40,col=23,title=Threshold failed::delivery_latency must be p(95)<50; measured: 184 ms", lines[0])
	assert.LessOrEqual(t, len(lines), 10)
	for _, line := range lines {
		assert.Regexp(t, `^::(error|warning) file=[^:]+,line=\d+(,col=\d+)?,title=[^:,]+::`, line)
	}
	text, err := os.ReadFile(summary)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(text), "before\n## ❌ invoice-day: failed"))

	out.Reset()
	require.NoError(t, report.GitHub(&out, r, func(string) string { return "" }, dir))
	assert.Empty(t, out.String(), "nowhere else")
	hostileLines := written(t, "github", hostile(t))
	for line := range strings.Lines(hostileLines) {
		assert.Regexp(t, `^::(error|warning) `, line, "no text begins a command of its own")
	}
}

func TestComparison_ShowsWhatBecameWorseFirst(t *testing.T) {
	two := small(t)
	c := harness.Compare(two["passed"], two["failed"], harness.DefaultTolerances())
	var text, table bytes.Buffer
	require.NoError(t, report.ComparisonText(&text, c, report.TextOptions{}))
	require.NoError(t, report.ComparisonMarkdown(&table, c))
	golden(t, "comparison.txt", text.String())
	golden(t, "comparison.md", table.String())
}
