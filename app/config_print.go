package app

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"echolab/emulator/pusher"
)

// Printed is one value as --print-config shows it.
type Printed struct {
	Name  string `json:"-"`
	Value any    `json:"value"`
	From  string `json:"from"`
}

// Print writes every value and where it came from, secrets masked: as a table, or as one JSON object
// {"settings":{NAME:{"value","from"}},"apps":[{…}],"publishes_to","warnings":[…],"application":{NAME:{"value","from"}}}.
func (c Config) Print(w io.Writer, asJSON bool) error {
	if asJSON {
		apps := make([]map[string]Printed, len(c.Apps))
		for i := range c.Apps {
			apps[i] = byName(c.printedApp(i))
		}
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return enc.Encode(struct {
			Settings    map[string]Printed   `json:"settings"`
			Apps        []map[string]Printed `json:"apps"`
			PublishesTo string               `json:"publishes_to"`
			Warnings    []string             `json:"warnings"`
			Application map[string]Printed   `json:"application"`
		}{byName(c.printedSettings()), apps, c.PublishesTo.URL(), append([]string{}, c.Warnings...), byName(c.parts)})
	}
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, p := range c.printedSettings() {
		fmt.Fprintf(table, "%s\t%s\t%s\n", p.Name, shown(p.Value), p.From)
	}
	for i := range c.Apps {
		fmt.Fprintf(table, "\t\t\napps[%d]\t\t\n", i)
		for _, p := range c.printedApp(i) {
			fmt.Fprintf(table, "  %s\t%s\t%s\n", p.Name, shown(p.Value), p.From)
		}
	}
	fmt.Fprint(table, "\t\t\nthe emulated application\t\t\n")
	for _, p := range c.parts {
		fmt.Fprintf(table, "  %s\t%s\t%s\n", p.Name, shown(p.Value), p.From)
	}
	_ = table.Flush() // a strings.Builder takes everything
	if to := c.PublishesTo.URL(); to != "" {
		fmt.Fprintf(&text, "\nLaravel publishes to %s\n", to)
	}
	for i, warning := range c.Warnings {
		if i == 0 {
			fmt.Fprintln(&text)
		}
		fmt.Fprintln(&text, "warning: "+warning)
	}
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

func (c Config) printedSettings() []Printed { return printed(settings, &c, c.origins, "") }

func (c Config) printedApp(i int) []Printed {
	prefix := fmt.Sprintf("apps[%d].", i)
	out := printed(appSettings, &c.Apps[i], c.origins, prefix)
	for j, hook := range c.Apps[i].Webhooks {
		out = append(out, Printed{Name: fmt.Sprintf("webhooks[%d]", j), Value: showWebhook(hook),
			From: c.origins[fmt.Sprintf("%swebhooks[%d]", prefix, j)].String()})
	}
	return out
}

func printed[T any](table []setting[T], from *T, origins map[string]Origin, prefix string) []Printed {
	out := make([]Printed, 0, len(table))
	for _, row := range table {
		shown := row.as.get(from)
		if row.secret {
			shown = Mask(fmt.Sprint(shown))
		}
		out = append(out, Printed{Name: row.Name, Value: shown, From: origins[prefix+row.Name].String()})
	}
	return out
}

func byName(list []Printed) map[string]Printed {
	out := make(map[string]Printed, len(list))
	for _, p := range list {
		out[p.Name] = p
	}
	return out
}

func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return "no limit"
	case []string:
		return cmp.Or(strings.Join(v, ", "), "-")
	case string:
		if v == "" {
			return "-"
		}
		return strings.NewReplacer("\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(v)
	}
	return fmt.Sprint(v)
}

// Mask shows enough of a secret to tell two apart and not enough to use it: "loc…ret (19 characters)"; of one shorter
// than 16 characters only the length.
func Mask(secret string) string {
	n := utf8.RuneCountInString(secret)
	if n == 0 {
		return "" // there is none
	}
	if n < 16 {
		return fmt.Sprintf("… (%d characters)", n)
	}
	r := []rune(secret)
	return fmt.Sprintf("%s…%s (%d characters)", string(r[:3]), string(r[n-3:]), n)
}

// showWebhook leaves out what an address may hold besides the way: user, password and query.
func showWebhook(hook pusher.Webhook) string {
	out := "…"
	if address, err := url.Parse(hook.URL); err == nil {
		address.User = nil
		if address.RawQuery != "" {
			address.RawQuery = "…"
		}
		out = address.String()
	}
	if len(hook.Events) > 0 {
		out += " (" + strings.Join(hook.Events, ", ") + ")"
	}
	if hook.Batch > 0 {
		out += " batched for " + hook.Batch.String()
	}
	return out
}
