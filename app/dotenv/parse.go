package dotenv

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// File is a .env file taken apart, before variables are put in.
type File struct {
	Name     string
	Entries  []Entry
	Warnings []Warning
	lines    []string // of the whole file
}

// Entry is one line of the file, or several that a double-quoted value spans.
type Entry struct {
	Name         string
	Value        string // unquoted, escapes replaced, references not yet
	Unset        bool   // the line has no '=': phpdotenv removes the variable
	Quoted       bool
	Line, Column int // of the name, counted from 1
	dollars      []dollar
}

// Place is where the entry's name stands; its File is left to the caller.
func (e Entry) Place() Place { return Place{Line: e.Line, Column: e.Column} }

// dollar is a '$' that may begin a reference.
type dollar struct {
	offset int   // in Entry.Value, bytes
	place  Place // in the file
}

// Parse takes a file apart as phpdotenv's Parser, Lines and EntryParser do. The error is an *Error: the first entry
// that Laravel refuses. name is used in messages.
func Parse(name string, content []byte) (File, error) {
	text, invalid := toUTF8(content)
	file := File{Name: name}
	if invalid > 0 {
		line := 1 + strings.Count(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(content[:invalid-1])), "\n")
		file.Warnings = append(file.Warnings, Warning{File: name, Line: line, Column: 1,
			Text: "the file is not UTF-8 here: Laravel reads each invalid byte as '?'; save the file as UTF-8"})
	}
	for _, b := range file.blocks(text) {
		entry, err := file.parseEntry(b)
		if err != nil {
			return File{}, err
		}
		file.Entries = append(file.Entries, entry)
	}
	return file, nil
}

// toUTF8 replaces invalid bytes by '?', as mb_convert_encoding does, and takes a byte order mark off. invalid is the
// offset of the first such byte plus one; 0 means that there is none.
func toUTF8(content []byte) (text string, invalid int) {
	text = string(content)
	if !utf8.ValidString(text) {
		var b strings.Builder
		for i := 0; i < len(text); {
			r, size := utf8.DecodeRuneInString(text[i:])
			if r == utf8.RuneError && size == 1 {
				if invalid == 0 {
					invalid = i + 1
				}
				b.WriteByte('?')
			} else {
				b.WriteString(text[i : i+size])
			}
			i += size
		}
		text = b.String()
	}
	return strings.TrimPrefix(text, "\uFEFF"), invalid
}

// block is the text of one entry: a line, or the lines that phpdotenv joins because the first has ="… unclosed.
type block struct {
	text string
	line int // of its first line, counted from 1
}

// at gives the place of a byte offset in the block.
func (b block) at(offset int) Place {
	offset = min(offset, len(b.text))
	before := b.text[:offset]
	start := strings.LastIndexByte(before, '\n') + 1
	return Place{Line: b.line + strings.Count(before, "\n"), Column: utf8.RuneCountInString(before[start:]) + 1}
}

var lineEnd = regexp.MustCompile(`\r\n|\n|\r`)

// blocks joins lines and leaves out comments and blank lines (phpdotenv Lines.php). The joining comes first, so that
// a comment with ="… in it takes the lines below along, and nothing ends it but another quote.
func (f *File) blocks(text string) []block {
	var out []block
	var open []string // lines of the block that is not yet closed
	start := 0
	lines := lineEnd.Split(text, -1)
	f.lines = lines
	for i, line := range lines {
		switch {
		case open != nil:
			open = append(open, line)
			if !closesQuote(line, false) {
				continue
			}
			line, open = strings.Join(open, "\n"), nil
		case strings.Contains(line, `="`) && !closesQuote(line, true):
			start, open = i, []string{line}
			continue
		default:
			start = i
		}
		switch trimmed := trim(line); {
		case trimmed == "":
		case trimmed[0] == '#':
			if start < i {
				f.warn(start, line, "a quote in this comment is not closed on its line: the comment goes on, and %s lost", lostLines(start+1, i, lines))
			}
		default:
			out = append(out, block{text: line, line: start + 1})
		}
	}
	if open != nil {
		rest := lostLines(start, len(lines)-1, lines)
		if trimmed := trim(open[0]); trimmed[0] == '#' {
			rest = lostLines(start+1, len(lines)-1, lines)
		}
		f.warn(start, open[0], "a double quote is opened here and never closed: Laravel drops everything from here on without a word (%s lost)", rest)
	}
	return out
}

func (f *File) warn(index int, line, format string, args ...any) {
	name := ""
	if before, _, found := strings.Cut(line, "="); found && !strings.HasPrefix(trim(line), "#") {
		name = trim(before)
	}
	column := utf8.RuneCountInString(line[:max(0, strings.Index(line, `="`)+1)]) + 1
	f.Warnings = append(f.Warnings, Warning{File: f.Name, Line: index + 1, Column: column, Name: name, Text: fmt.Sprintf(format, args...)})
}

// unread names, as a sentence, what stands below a block that Laravel refuses: it reads none of it.
func (f *File) unread(b block) string {
	from := b.line + strings.Count(b.text, "\n") // its index is one less than its number
	below := lostLines(from, len(f.lines)-1, f.lines)
	if below == nothingLost {
		return ""
	}
	return " What follows is not read: " + strings.TrimSuffix(strings.TrimSuffix(below, " is"), " are") + "."
}

// nothingLost is what lostLines says where there is nothing.
const nothingLost = "nothing else is"

// lostLines names what goes missing with lines[from:to+1], by the names that can be seen in it.
func lostLines(from, to int, lines []string) string {
	for to > from && trim(lines[to]) == "" {
		to--
	}
	if from > to || from >= len(lines) {
		return nothingLost
	}
	var names []string
	for _, line := range lines[from : to+1] {
		name, _, found := strings.Cut(line, "=")
		if name = trim(name); found && validName.MatchString(name) {
			names = append(names, name)
		}
	}
	listed := ""
	if len(names) > 0 {
		listed = ": " + strings.Join(names[:min(len(names), 8)], ", ")
		if len(names) > 8 {
			listed += " …"
		}
	}
	if from == to {
		return fmt.Sprintf("line %d%s is", from+1, listed)
	}
	return fmt.Sprintf("lines %d–%d%s are", from+1, to+1, listed)
}

// closesQuote says whether enough unescaped quotes stand behind the first character of the line.
func closesQuote(line string, started bool) bool {
	if line == `"` {
		return true
	}
	line = strings.ReplaceAll(line, `\\`, "")
	count := 0
	for i := 1; i < len(line); i++ {
		if line[i] == '"' && line[i-1] != '\\' {
			count++
		}
	}
	if started {
		return count > 1
	}
	return count >= 1
}

// trim takes off what phpdotenv does: blanks as PHP's trim() knows them, form feed not among them.
func trim(s string) string { return strings.Trim(s, " \n\r\t\x00\x0B") }
