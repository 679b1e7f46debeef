package dotenv

import (
	"regexp"
	"strings"
)

// plain is what needs no quotes.
var plain = regexp.MustCompile(`^[A-Za-z0-9_./:+@%=-]*$`)

// quoting escapes what means something between double quotes, and line ends, which would end or join lines.
var quoting = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\v", `\v`, "\f", `\f`)

// Quote writes a value so that env() gives it back as a text: without quotes where it can do without. Words such as true
// and texts in quotes, which env() would turn into something else (see Word), get a second pair that env() takes off.
func Quote(value string) string {
	if word, isText := Word(value).(string); isText && word == value {
		if plain.MatchString(value) {
			return value
		}
	} else {
		value = `"` + value + `"`
	}
	return `"` + quoting.Replace(value) + `"`
}
