package certificate

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// foreign turns names with letters beyond ASCII into what certificates and clients have for them (RFC 5891).
var foreign = idna.New(idna.MapForLookup(), idna.BidiRule())

// Host is a name or an address as a certificate has it: in small letters, beyond ASCII in Punycode, without brackets. The
// error says what is wrong with one that no certificate can be for.
func Host(name string) (string, error) {
	host := strings.TrimSuffix(strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")), ".")
	if address, err := netip.ParseAddr(host); err == nil {
		return address.WithZone("").String(), nil
	}
	advice := "write a name such as portal.test"
	if u, err := url.Parse(name); err == nil && strings.Contains(name, "://") && u.Hostname() != "" {
		advice = "write " + u.Hostname()
	} else if alone, _, err := net.SplitHostPort(name); err == nil && alone != "" {
		advice = "write " + alone + ", without the port"
	}
	ascii, err := host, error(nil)
	if strings.ContainsFunc(host, func(r rune) bool { return r > unicode.MaxASCII }) {
		ascii, err = foreign.ToASCII(host)
	}
	if err != nil || !isName(ascii) {
		return "", fmt.Errorf("%q is no host name, so no certificate can be for it; %s", name, advice)
	}
	return ascii, nil
}

// isName tells whether a text has the form of a DNS name (RFC 1123, and the underscore, which containers have in theirs).
func isName(text string) bool {
	if len(text) > 253 {
		return false
	}
	for label := range strings.SplitSeq(text, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	last := text[strings.LastIndexByte(text, '.')+1:]
	return strings.Trim(last, "0123456789") != "" // all digits are an address's, and no address comes here (URL standard: ends in a number)
}
