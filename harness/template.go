package harness

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"
)

// Env is what the templates of one virtual user see. It belongs to that user's goroutine; a template never changes it, but
// for drawing from Rng.
type Env struct {
	Vars      map[string]any // by name: the scenario's, and the user's own (set, http save)
	VU        int            // the user's number in its group, from 1
	Iteration uint64         // from 0
	User      map[string]any // id and info
	Rng       *rand.Rand     // the user's own random stream
	Seq       func() uint64  // what seq() gives; nil: 1, 2, 3 … of this Env
	Now       func() time.Time

	count uint64
}

// Text is a text that may hold templates: {{ expression }}. It is compiled once, when the file is read; one without any costs
// nothing to evaluate.
type Text struct {
	source string
	parts  []part // nil: source as it stands
}

// part is a piece of a text: an expression, or what stands between two.
type part struct {
	literal string
	expr    *program
}

// IsZero tells that the file gives none.
func (t Text) IsZero() bool { return t.source == "" }

// String is the text as it is written.
func (t Text) String() string { return t.source }

// IsLiteral tells that it is the same for everybody.
func (t Text) IsLiteral() bool { return t.parts == nil }

// Eval is the text with its templates filled in. Numbers come as digits, true and false as words, nothing (nil) as "", objects
// and lists as JSON.
func (t Text) Eval(env *Env) (string, error) {
	if t.parts == nil {
		return t.source, nil
	}
	var out []byte
	for i := range t.parts {
		p := &t.parts[i]
		if p.expr == nil {
			out = append(out, p.literal...)
			continue
		}
		v, err := p.expr.run(env, nil)
		if err == nil {
			out, err = appendText(out, v)
		}
		if err == nil && len(out) > maxMade {
			err = fmt.Errorf("%s: the text grows beyond %d bytes", p.expr.place, maxMade)
		}
		if err != nil {
			return "", err
		}
	}
	return string(out), nil
}

// alone is the expression of a text that is one template and nothing else.
func (t Text) alone() *program {
	if len(t.parts) == 1 {
		return t.parts[0].expr
	}
	return nil
}

// Expr is one expression that gives true or false. It is written without {{ }}, or in one pair of them.
type Expr struct {
	source  string
	program *program
}

// String is the expression as it is written.
func (x *Expr) String() string { return x.source }

// Holds evaluates it; data is what the expression calls data, such as an event's payload. A result that is neither true nor
// false is an error.
func (x *Expr) Holds(env *Env, data any) (bool, error) {
	v, err := x.program.run(env, data)
	if err != nil {
		return false, err
	}
	held, ok := v.(bool)
	if !ok {
		return false, fmt.Errorf("%s: %s gives %s; a condition gives true or false", x.program.place, x.source, describe(v))
	}
	return held, nil
}

// Wait is a duration, or a range from which one is drawn on the user's own random stream: 2s, 2s..5s.
type Wait struct {
	Least, Most time.Duration
}

// IsZero tells that the file gives none.
func (w Wait) IsZero() bool { return w.Most == 0 }

// Draw gives a duration of the range, each as likely as the other.
func (w Wait) Draw(rng *rand.Rand) time.Duration {
	if w.Most <= w.Least {
		return w.Least
	}
	return w.Least + time.Duration(rng.Int64N(int64(w.Most-w.Least)+1))
}

func (w Wait) String() string {
	if w.Most <= w.Least {
		return w.Least.String()
	}
	return w.Least.String() + ".." + w.Most.String()
}

// templateError is a mistake in a text, at a byte of it.
type templateError struct {
	offset int
	text   string
}

func (e *templateError) Error() string { return e.text }

// ParseText compiles a text; names are the variables that its templates may use.
func ParseText(source string, names ...string) (Text, error) {
	return compileText(source, newVocabulary(names...), func(int) string { return "the text" })
}

// ParseExpr compiles a condition, which may use data besides names.
func ParseExpr(source string, names ...string) (*Expr, error) {
	v := newVocabulary(names...)
	v.data = true
	return compileExpr(source, v, func(int) string { return "the condition" })
}

// compileText compiles the templates of a text. place tells where in the file a byte of the text stands.
func compileText(source string, names *vocabulary, place func(offset int) string) (Text, error) {
	t := Text{source: source}
	if !strings.Contains(source, "{{") {
		return t, nil
	}
	if !utf8.ValidString(source) {
		return t, &templateError{0, "this is not UTF-8"}
	}
	for at := 0; at < len(source); {
		open := strings.Index(source[at:], "{{")
		if open < 0 {
			t.parts = append(t.parts, part{literal: source[at:]})
			break
		}
		if open > 0 {
			t.parts = append(t.parts, part{literal: source[at : at+open]})
		}
		begin := at + open + 2
		length := templateEnd(source[begin:])
		if length < 0 {
			return t, &templateError{begin - 2, "a template begins here and does not end; write }} behind the expression"}
		}
		p, err := compile(source[begin:begin+length], begin, names, place)
		if err != nil {
			return t, err
		}
		t.parts = append(t.parts, part{expr: p})
		at = begin + length + 2
	}
	return t, nil
}

// compileExpr compiles a condition.
func compileExpr(source string, names *vocabulary, place func(offset int) string) (*Expr, error) {
	inner, offset := source, 0
	if begin := strings.Index(source, "{{"); begin >= 0 && strings.TrimSpace(source[:begin]) == "" {
		if length := templateEnd(source[begin+2:]); length >= 0 && strings.TrimSpace(source[begin+2+length+2:]) == "" {
			inner, offset = source[begin+2:begin+2+length], begin+2
		}
	}
	p, err := compile(inner, offset, names, place)
	if err != nil {
		return nil, err
	}
	return &Expr{source: strings.TrimSpace(source), program: p}, nil
}

// templateEnd is where the }} of an expression stands, -1 where it has none. Those in texts and of objects are not it.
func templateEnd(s string) int {
	var quote byte
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == '\\' && quote != '`' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"' || c == '`':
			quote = c
		case c == '{':
			depth++
		case c == '}' && depth > 0:
			depth--
		case c == '}' && strings.HasPrefix(s[i:], "}}"):
			return i
		}
	}
	return -1
}
