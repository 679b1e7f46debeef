package app

import (
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Address is the server's URL for people, see MaskAddress.
func (r Remote) Address() string { return MaskAddress(r.URL) }

// userInfo is what stands before the host: name and password.
var userInfo = regexp.MustCompile(`^([^/?#]*//)?[^/?#]*@`)

// MaskAddress is an address without the password that it may hold, also where it is no proper address.
func MaskAddress(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		if _, secret := u.User.Password(); secret {
			return u.Redacted()
		}
		return address
	}
	return userInfo.ReplaceAllString(address, "${1}xxxxx@")
}

// answerShown is how many characters of a stranger's answer a message has.
const answerShown = 300

var (
	htmlPage   = regexp.MustCompile(`(?i)^\s*(<!--.*?-->\s*)*<(!doctype|html|head|body)\b`)
	htmlTitle  = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)
	htmlUnsaid = regexp.MustCompile(`(?is)<(script|style|head)\b.*?</(script|style|head)>|<!--.*?-->|<[^>]*>`)
)

// saidBy is what a server answered, for a message of one line: of an HTML page its title, else its first words; without
// what would move a terminal's cursor; cut, which is said, where it is long.
func saidBy(answer []byte) string {
	text := strings.ToValidUTF8(string(answer), "\uFFFD")
	page := htmlPage.MatchString(text)
	if page {
		title := htmlTitle.FindStringSubmatch(text)
		if title != nil && strings.TrimSpace(title[1]) != "" {
			text = title[1]
		} else {
			text = htmlUnsaid.ReplaceAllString(text, " ")
		}
		text = html.UnescapeString(text)
	}
	text = strings.Join(strings.Fields(tamed(text)), " ")
	if page {
		text = strings.TrimSpace("an HTML page: " + text)
	}
	if n := utf8.RuneCountInString(text); n > answerShown {
		text = fmt.Sprintf("%s… (cut; the answer has %d bytes)", string([]rune(text)[:answerShown]), len(answer))
	}
	return text
}

// tamed has blanks in the place of control characters.
func tamed(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) { // and what turns text round or is not seen
			return ' '
		}
		return r
	}, text)
}
