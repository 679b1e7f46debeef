package laravel

import (
	"fmt"
	"regexp"
	"strings"
)

// pattern is a channel pattern as Laravel matches it (Illuminate\Broadcasting Broadcaster::channelNameMatchesPattern):
// dots are escaped, {name} is ([^\.]+), the whole is anchored and a regular expression like any other.
type pattern struct {
	text  string
	names []string // of the placeholders, in order
	regex *regexp.Regexp
}

var (
	wildcard        = regexp.MustCompile(`\{(.*?)\}`)
	placeholderName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,31}$`) // a group name of PCRE
)

// compilePattern refuses what makes PHP's preg_match fail, and what only PCRE has: Go's expressions (RE2) know neither
// look-around nor back references nor possessive quantifiers. Whatever both know matches the same.
func compilePattern(text string) (*pattern, error) {
	if text == "" {
		return nil, fmt.Errorf("a channel needs a pattern, such as client.{clientId}")
	}
	p := &pattern{text: text}
	for _, found := range wildcard.FindAllStringSubmatch(text, -1) {
		name := found[1]
		if !placeholderName.MatchString(name) {
			return nil, fmt.Errorf("placeholder {%s}: a name is a letter or _, then up to 31 letters, digits or _", name)
		}
		for _, before := range p.names {
			if before == name {
				return nil, fmt.Errorf("placeholder {%s} comes twice: Laravel answers 500 for each channel that fits", name)
			}
		}
		p.names = append(p.names, name)
	}
	if unescaped := strings.ReplaceAll(strings.ReplaceAll(text, `\\`, ""), `\/`, ""); strings.Contains(unescaped, "/") {
		return nil, fmt.Errorf("pattern %q: / ends Laravel's regular expression; channel names have none", text)
	}
	source := strings.ReplaceAll(text, ".", `\.`)
	source = wildcard.ReplaceAllString(source, `(?P<$1>[^\.]+)`)
	regex, err := regexp.Compile("^" + source + "$")
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w; look-around, back references and possessive quantifiers exist in PHP only", text, err)
	}
	p.regex = regex
	return p, nil
}

// match gives the placeholders' texts, in order.
func (p *pattern) match(name string) (values []string, ok bool) {
	found := p.regex.FindStringSubmatch(name)
	if found == nil {
		return nil, false
	}
	values = make([]string, len(p.names))
	for i, name := range p.names {
		values[i] = found[p.regex.SubexpIndex(name)]
	}
	return values, true
}

// channelPrefixes are taken off a wire name, the first that fits and only once (UsePusherChannelConventions).
var channelPrefixes = []string{"private-encrypted-", "private-", "presence-"}

// laravelName is the name that patterns are compared with.
func laravelName(wireName string) string {
	for _, prefix := range channelPrefixes {
		if name, found := strings.CutPrefix(wireName, prefix); found {
			return name
		}
	}
	return wireName
}

// isGuarded tells whether a channel needs a user.
func isGuarded(wireName string) bool {
	return strings.HasPrefix(wireName, "private-") || strings.HasPrefix(wireName, "presence-")
}
