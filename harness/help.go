package harness

import (
	"fmt"
	"reflect"
	"strings"
	"text/tabwriter"
)

// ScenarioHelp is the page about scenarios, made from the tables that they are read by.
func ScenarioHelp() string {
	var page strings.Builder
	page.WriteString(`A scenario is a YAML file: groups of virtual users who connect as Laravel Echo does, what they do,
what is published meanwhile, and what must hold. 'echolab init scenario' writes one to start from,
'echolab validate' checks one, 'echolab run' plays it.

`)
	section := func(title string, rows [][2]string) {
		page.WriteString(title + "\n\n")
		w := tabwriter.NewWriter(&page, 0, 0, 2, ' ', 0)
		for _, row := range rows {
			fmt.Fprintf(w, "  %s\t%s\n", row[0], row[1])
		}
		_ = w.Flush() // a strings.Builder takes everything
		page.WriteString("\n")
	}
	section("The file:", fieldRows(reflect.TypeFor[scenarioFile]()))
	section("Under target:", fieldRows(reflect.TypeFor[TargetOptions]()))
	section("Under target.auth:", fieldRows(reflect.TypeFor[AuthOptions]()))
	section("Under target.auth.login (each user logs in as Laravel's pages do):", append(fieldRows(reflect.TypeFor[Login]()),
		[2]string{"", `login: {page: /login, post: /login, form: {email: "user{{ vu }}@example.test", password: secret}}`},
		[2]string{"", `login: {page: /sanctum/csrf-cookie, post: /api/login, json: {email: "user{{ vu }}@example.test", password: secret}}`}))
	section("Each of scenarios:", fieldRows(groupType))
	var rows [][2]string
	for _, k := range Executors {
		keys := strings.Join(k.Needs, ", ")
		if len(k.Takes) > 0 {
			keys += " (" + strings.Join(k.Takes, ", ") + ")"
		}
		rows = append(rows, [2]string{string(k.Name), k.Help + ": " + keys})
	}
	section("Executors, with the keys that each needs, and those that it takes besides:", rows)
	rows = nil
	for _, k := range Steps {
		rows = append(rows, [2]string{k.Name, k.Help})
		for _, f := range fieldsOf(reflect.TypeOf(k.New()).Elem()) {
			name := f.name
			if f.name == "" {
				name = "NAME"
			}
			if f.required {
				name += " *"
			}
			rows = append(rows, [2]string{"  " + name, "  " + f.help})
		}
		rows = append(rows, [2]string{"", "- " + k.Example})
	}
	section("Steps, each with its fields (* must be there). Any step may have name: and if: beside it:", rows)
	page.WriteString(`Texts and values may hold templates, {{ expression }}: "client.{{ 1 + vu % 5 }}". The language is that of
github.com/expr-lang/expr: + - * / % **, == < and or not in, a ? b : c, texts in ' or ", [1, 2], {a: 1}.
Put quotes around a text that begins with {{ or that stands inside {…} or […]. In numbers and durations
templates may name variables alone: vus: "{{ clients }}".

`)
	rows = nil
	for _, n := range fixedNames {
		rows = append(rows, [2]string{n.Name, n.Help})
	}
	rows = append(rows, [2]string{"NAME", "a variable of the scenario, or one that set or http's save gave this user"})
	section("Names in templates:", rows)
	rows = nil
	for i := range Functions {
		rows = append(rows, [2]string{Functions[i].Form, Functions[i].Help})
	}
	section("Functions in templates:", rows)
	page.WriteString("Besides, as expr has them: " + wrapped(builtins, 70) + "\n\nKinds of fake(): " + wrapped(FakeKinds(), 80) + "\n\n")
	rows = nil
	for _, m := range Metrics {
		help := m.Help
		if len(m.Tags) > 0 {
			help += " {" + strings.Join(m.Tags, ", ") + "}"
		}
		if m.Zero {
			help += "; must be 0 unless thresholds say otherwise"
		}
		rows = append(rows, [2]string{m.Name, string(m.Kind) + ": " + help})
	}
	section("Metrics for thresholds, with their {tags}:", rows)
	page.WriteString("A trend has ")
	for i, k := range []MetricKind{Trend, Counter, Gauge, Rate} {
		if i > 0 {
			page.WriteString("; a " + string(k) + " ")
		}
		page.WriteString(strings.Join(methods[k], ", "))
	}
	page.WriteString(".\nTrends are in milliseconds; 10ms, 2s and 99% may be written too. As an object a threshold can end the run:\n  {threshold: \"p(99)<500\", abortOnFail: true, delayAbortEval: 10s}\n\n")
	rows = nil
	for _, p := range Presets() {
		rows = append(rows, [2]string{p.Name, p.Help})
	}
	section("Presets, for --preset NAME and 'echolab init scenario NAME':", rows)
	return strings.TrimRight(page.String(), "\n")
}

func fieldRows(t reflect.Type) (rows [][2]string) {
	for _, f := range fieldsOf(t) {
		rows = append(rows, [2]string{f.name, f.help})
	}
	return rows
}

// wrapped is a list of words in lines of some width.
func wrapped(words []string, width int) string {
	var b strings.Builder
	line := 0
	for i, word := range words {
		if i > 0 {
			b.WriteString(", ")
			line += 2
		}
		if line+len(word) > width {
			b.WriteString("\n  ")
			line = 2
		}
		b.WriteString(word)
		line += len(word)
	}
	return strings.ReplaceAll(b.String(), ", \n", ",\n")
}
