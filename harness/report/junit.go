package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"

	"echolab/harness"
)

// The elements and attributes are those that the JUnit schemas of Ant and Jenkins have in common; invalid characters
// become U+FFFD (encoding/xml).
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Timestamp  string          `xml:"timestamp,attr"`
	Hostname   string          `xml:"hostname,attr"`
	Properties []junitProperty `xml:"properties>property,omitempty"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    string        `xml:"time,attr"`
	Skipped *junitSkipped `xml:"skipped"`
	Error   *junitFailure `xml:"error"`
	Failure *junitFailure `xml:"failure"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitSkipped struct {
	Message string `xml:"message,attr"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

func writeJUnit(w io.Writer, r *harness.Result) error {
	name := title(r)
	all := junitSuites{Name: "echolab " + name, Time: seconds(r.DurationMS)}
	add := func(suite string, cases []junitCase) {
		if len(cases) == 0 {
			return
		}
		s := junitSuite{Name: suite, Tests: len(cases), Time: seconds(0), Timestamp: r.Started.UTC().Format("2006-01-02T15:04:05"),
			Hostname: orDash(r.Environment.Hostname), Cases: cases}
		for i := range cases {
			c := &cases[i]
			c.Class, c.Time = "echolab."+dotless(name)+"."+suite, seconds(0)
			c.Name = plain(c.Name)
			for _, f := range []*junitFailure{c.Failure, c.Error} {
				if f != nil {
					f.Message, f.Text = plain(f.Message), plainLines(f.Text)
				}
			}
			switch {
			case c.Failure != nil:
				s.Failures++
			case c.Error != nil:
				s.Errors++
			case c.Skipped != nil:
				s.Skipped++
			}
		}
		if suite == "run" {
			s.Time, cases[0].Time = seconds(r.DurationMS), seconds(r.DurationMS)
			s.Properties = []junitProperty{{"run", r.ID}, {"seed", strconv.FormatUint(r.Seed, 10)}, {"plan", r.PlanHash}, {"segment", r.Segment},
				{"target", target(r)}, {"echolab", r.Environment.Echolab}}
		}
		all.Tests += s.Tests
		all.Failures += s.Failures
		all.Errors += s.Errors
		all.Suites = append(all.Suites, s)
	}
	add("run", []junitCase{runCase(r)})
	add("thresholds", thresholdCases(r))
	add("expectations", expectationCases(r))
	add("delivery", deliveryCases(r))
	add("presence", presenceCases(r))
	add("listeners", listenerCases(r))
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func seconds(ms float64) string { return strconv.FormatFloat(ms/1000, 'f', 3, 64) }

// dotless keeps a name from making packages of its own.
func dotless(name string) string { return strings.NewReplacer(".", "_", " ", "_").Replace(name) }

// runCase is the run as a whole: an error where it says nothing about the server, so that a report without failures is
// not taken for a pass.
func runCase(r *harness.Result) junitCase {
	c := junitCase{Name: "the run can be judged", Out: healthFigures(r.Health)}
	switch r.Verdict {
	case harness.Inconclusive, harness.Unreachable, harness.Interrupted:
		message := string(r.Verdict)
		if len(r.Reasons) > 0 {
			message = r.Reasons[0]
		}
		c.Error = &junitFailure{message, string(r.Verdict), strings.Join(r.Reasons, "\n")}
	}
	return c
}

func placed(text, place string) string {
	if place == "" {
		return text
	}
	return text + "\nat " + place
}

func thresholdCases(r *harness.Result) (cases []junitCase) {
	for _, t := range r.Thresholds {
		c := junitCase{Name: t.Metric + " " + t.Expression, Out: "measured: " + value(t)}
		if !t.OK {
			c.Failure = &junitFailure{"measured: " + value(t), "threshold", placed(t.Metric+" must be "+t.Expression+"; measured: "+value(t), t.Place)}
		}
		cases = append(cases, c)
	}
	return cases
}

func expectationCases(r *harness.Result) (cases []junitCase) {
	for _, e := range r.Expectations {
		c := junitCase{Name: strings.TrimPrefix(e.Scenario+": "+e.Name, ": "), Out: fmt.Sprintf("held %s, failed %s", times(e.Held), times(e.Failed))}
		switch {
		case e.Failed > 0:
			c.Failure = &junitFailure{fmt.Sprintf("failed %d of %d times", e.Failed, e.Failed+e.Held), "expectation", placed(strings.Join(e.Evidence, "\n"), e.Place)}
		case e.Held == 0:
			c.Skipped = &junitSkipped{"it was never reached"}
		}
		cases = append(cases, c)
	}
	return cases
}

func deliveryCases(r *harness.Result) []junitCase {
	if !r.Delivery.Checked {
		return []junitCase{{Name: "every delivery is accounted for", Skipped: &junitSkipped{"nothing was published that could be told apart"}}}
	}
	var cases []junitCase
	for _, k := range deliveryWrongs(r.Delivery) {
		if k.Neutral {
			continue
		}
		c := junitCase{Name: "no delivery is " + k.What, Out: fmt.Sprintf("%s of %s due deliveries came", count(r.Delivery.Delivered), count(r.Delivery.Expected))}
		if k.Count > 0 {
			var lines []string
			for _, e := range r.Delivery.Evidence {
				if e.What == k.What {
					lines = append(lines, evidenceLine(e))
				}
			}
			c.Failure = &junitFailure{count(k.Count) + " " + k.What, "delivery", strings.Join(lines, "\n")}
		}
		cases = append(cases, c)
	}
	return cases
}

// presenceNames says what must hold for each kind of wrong belief.
var presenceNames = map[string]string{"ghosts": "nobody lists a member who is gone", "missed": "nobody misses a join or a leave",
	"duplicate": "no join or leave is told twice", "drift": "every list is the truth",
	"altered": "every member has the user_info that it joined with"}

func presenceCases(r *harness.Result) (cases []junitCase) {
	if !r.Presence.Checked {
		return nil
	}
	for _, k := range presenceWrongs(r.Presence) {
		c := junitCase{Name: presenceNames[k.What], Out: fmt.Sprintf("%s, %s", plural(r.Presence.Joins, "join"), leaves(r.Presence.Leaves))}
		if k.Count > 0 {
			var lines []string
			for _, e := range r.Presence.Evidence {
				if strings.HasPrefix(e.What, strings.TrimSuffix(k.What, "s")) {
					lines = append(lines, e.What+": "+presenceLine(e))
				}
			}
			c.Failure = &junitFailure{fmt.Sprintf("%s %s", count(k.Count), k.What), "presence", strings.Join(lines, "\n")}
		}
		cases = append(cases, c)
	}
	return cases
}

func listenerCases(r *harness.Result) (cases []junitCase) {
	for _, l := range r.Listeners {
		cases = append(cases, junitCase{Name: plain(fmt.Sprintf(".listen('%s') on %s can fire", l.Event, l.Channel)),
			Failure: &junitFailure{listenerLine(l), "listener", listenerLine(l) + placed("\nfix: "+plain(l.Fix), l.Place)}})
	}
	return cases
}
