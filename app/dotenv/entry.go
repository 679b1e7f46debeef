package dotenv

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

var validName = regexp.MustCompile(`\A[\p{Ll}\p{Lu}\p{M}\p{N}_.]+\z`)

// parseEntry takes one block apart: name, '=' and value (phpdotenv EntryParser.php).
func (f *File) parseEntry(b block) (Entry, error) {
	left, right, hasValue := strings.Cut(b.text, "=")
	if hasValue {
		left = trim(left)
	}
	if left == "" {
		return Entry{}, f.refuse(b, 0, "", "an unexpected equals", b.text, "Write a name before the '='.")
	}
	nameAt := strings.Index(b.text, left)
	name, skipped := cleanName(left)
	nameAt += skipped
	if !validName.MatchString(name) {
		return Entry{}, f.refuse(b, nameAt, "", "an invalid name", name, nameHint(name))
	}
	place := b.at(nameAt)
	entry := Entry{Name: name, Line: place.Line, Column: place.Column}
	if !hasValue {
		entry.Unset = true
		return entry, nil
	}
	value := trim(right)
	if value == "" {
		return entry, nil
	}
	v := valueParser{file: f, block: b, entry: &entry, text: value, start: strings.Index(b.text, "=") + 1}
	v.glued = strings.HasPrefix(right, value)
	v.start += strings.Index(right, value)
	err := v.parse()
	return entry, err
}

// cleanName takes off "export " and quotes. phpdotenv looks for export only in names of more than 8 characters, so
// that "export A" is an invalid name. skipped is how many bytes at the front went.
func cleanName(name string) (clean string, skipped int) {
	clean = name
	if utf8.RuneCountInString(clean) > 8 && strings.HasPrefix(clean, "export") && isSpace(clean[6:7]) {
		clean = strings.TrimLeft(clean[6:], " \t\n\r\v\f")
	}
	if n := utf8.RuneCountInString(clean); n >= 3 && (clean[0] == '"' || clean[0] == '\'') && clean[len(clean)-1] == clean[0] {
		clean = clean[1 : len(clean)-1]
	}
	return clean, strings.Index(name, clean)
}

func nameHint(name string) string {
	if strings.HasPrefix(name, "export") {
		return "Leave out export: phpdotenv accepts it only before names of two characters or more."
	}
	return "Names have letters, digits, '_' and '.' only."
}

func (f *File) refuse(b block, offset int, name, cause, subject, hint string) *Error {
	place := b.at(offset)
	subject, _, _ = strings.Cut(strings.TrimLeft(subject, "\n"), "\n")
	return &Error{
		File: f.Name, Line: place.Line, Column: place.Column, Name: name, Hint: hint,
		Message: fmt.Sprintf("Failed to parse dotenv file. Encountered %s at [%s].", cause, subject),
	}
}

// state is where in a value phpdotenv's little machine stands.
type state int

const (
	initial state = iota
	unquoted
	singleQuoted
	doubleQuoted
	escape
	blanks
	comment
)

type valueParser struct {
	file  *File
	block block
	entry *Entry
	text  string // the value, trimmed
	start int    // its offset in the block
	glued bool   // nothing stands between '=' and the value
	ranOn bool   // a comment went on to the next line
	out   strings.Builder
}

// lexer splits a value as phpdotenv's Lexer does. Its limit of 1,000 characters a token changes no result and is
// left out.
var lexer = regexp.MustCompile(`[\r\n]+|[\t\v\f ]+|\\|'|"|#|\$|[^\t\n\v\f\r \\'"#$]+`)

func (v *valueParser) parse() error {
	st := initial
	for _, span := range lexer.FindAllStringIndex(v.text, -1) {
		next, err := v.step(st, v.text[span[0]:span[1]], span[0])
		if err != nil {
			return err
		}
		st = next
	}
	switch st {
	case singleQuoted, doubleQuoted, escape:
		hint := "Close the quote."
		if st == singleQuoted {
			at := v.block.at(v.start)
			hint = fmt.Sprintf("The single quote opened on line %d, column %d must be closed on its line; a value over several lines needs double quotes.%s",
				at.Line, at.Column, v.file.unread(v.block))
		}
		return v.refuse("a missing closing quote", 0, hint)
	}
	v.entry.Value = v.out.String()
	return nil
}

func (v *valueParser) step(st state, token string, at int) (state, error) {
	switch st {
	case initial:
		switch token {
		case "'":
			v.entry.Quoted = true
			return singleQuoted, nil
		case `"`:
			v.entry.Quoted = true
			return doubleQuoted, nil
		case "#":
			if v.glued {
				v.warnCut(at)
			}
			return comment, nil
		}
		return v.literal(token, at, unquoted), nil
	case unquoted:
		switch {
		case token == "#":
			v.warnCut(at)
			return comment, nil
		case isSpace(token):
			return blanks, nil
		}
		return v.literal(token, at, unquoted), nil
	case singleQuoted:
		if token == "'" {
			return blanks, nil
		}
		v.out.WriteString(token)
		return singleQuoted, nil
	case doubleQuoted:
		switch token {
		case `"`:
			return blanks, nil
		case `\`:
			return escape, nil
		}
		return v.literal(token, at, doubleQuoted), nil
	case escape:
		if token == `"` || token == `\` || token == "$" {
			v.out.WriteString(token)
			return doubleQuoted, nil
		}
		control, ok := escapes[token[0]]
		if !ok {
			return st, v.refuse("an unexpected escape sequence", at-1,
				`Double quotes know \f \n \r \t \v \" \\ and \$; write \\ for a backslash, or use single quotes.`)
		}
		v.out.WriteString(control + token[1:])
		return doubleQuoted, nil
	case blanks:
		switch {
		case token == "#":
			return comment, nil
		case isSpace(token):
			return blanks, nil
		}
		return st, v.refuse("unexpected whitespace", at, "Put double quotes around a value with blanks or quotes in it.")
	default: // comment
		if isSpace(token) && strings.Contains(token, "\n") && !v.ranOn {
			v.ranOn = true
			place := v.block.at(v.start + at)
			first := place.Line + 1
			last := v.block.line + strings.Count(v.block.text, "\n")
			v.warn(place, "a quote after ='s is opened on this line: the comment goes on to line %d, and what stands on lines %d–%d is lost", last, first, last)
		}
		return comment, nil
	}
}

var escapes = map[byte]string{'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v"}

func (v *valueParser) literal(token string, at int, next state) state {
	if token == "$" {
		v.entry.dollars = append(v.entry.dollars, dollar{offset: v.out.Len(), place: v.block.at(v.start + at)})
	}
	v.out.WriteString(token)
	return next
}

// warnCut says that an unquoted value is cut at '#'. How much stays is said in characters: it may be a secret.
func (v *valueParser) warnCut(at int) {
	lost, _, _ := strings.Cut(v.text[at:], "\n")
	v.warn(v.block.at(v.start+at), "%s is cut at '#': %s kept, %s lost; put quotes around the value", v.entry.Name,
		characters(utf8.RuneCountInString(v.out.String())), characters(utf8.RuneCountInString(lost)))
}

func (v *valueParser) warn(at Place, format string, args ...any) {
	v.file.Warnings = append(v.file.Warnings, Warning{
		File: v.file.Name, Line: at.Line, Column: at.Column, Name: v.entry.Name, Text: fmt.Sprintf(format, args...),
	})
}

func (v *valueParser) refuse(cause string, at int, hint string) error {
	return v.file.refuse(v.block, v.start+at, v.entry.Name, cause, v.text, hint)
}

func characters(n int) string {
	if n == 1 {
		return "1 character"
	}
	return fmt.Sprintf("%d characters", n)
}

func isSpace(token string) bool {
	return token != "" && strings.Trim(token, " \t\n\r\v\f") == ""
}
