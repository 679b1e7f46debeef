package harness

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/brianvoe/gofakeit/v7"
)

// Function is one row of the table of functions that templates may call.
type Function struct {
	Name string
	Form string // how it is called
	Help string
	// Draws says that it depends on the virtual user: its random stream, its counter or the clock.
	Draws bool

	least, most int // arguments; most -1: any number
	call        func(s *scope, args []any) (any, error)
}

// Functions is every function of ours; the help and the check of arguments are made from it.
var Functions = []Function{
	{"pick", "pick(a, b, …) or pick(list)", "one of them", true, 1, -1, pick},
	{"int", "int(least, most) or int(value)", "a whole number from least to most; or a value as a whole number", true, 1, 2, wholeNumber},
	{"float", "float(least, most)", "a number from least up to most", true, 2, 2, func(s *scope, args []any) (any, error) {
		return s.between(args, func(rng *rand.Rand, a, b float64) any { return a + rng.Float64()*(b-a) })
	}},
	{"money", "money(least, most)", "a number with at most two decimals", true, 2, 2, func(s *scope, args []any) (any, error) {
		return s.between(args, func(rng *rand.Rand, a, b float64) any {
			return math.Round((a+rng.Float64()*(b-a))*100) / 100
		})
	}},
	{"chance", "chance(part)", "true in that part of all cases: chance(0.2)", true, 1, 1, func(s *scope, args []any) (any, error) {
		p, ok := asFloat(args[0])
		if !ok || p < 0 || p > 1 {
			return nil, fmt.Errorf("chance needs a part from 0 to 1, not %s", describe(args[0]))
		}
		rng, err := s.rng()
		if err != nil {
			return nil, err
		}
		return rng.Float64() < p, nil
	}},
	{"uuid", "uuid()", "a UUID (version 4) of the user's random stream", true, 0, 0, func(s *scope, _ []any) (any, error) { return s.fake("uuid") }},
	{"fake", "fake(kind)", "made-up data of that kind, such as fake('name')", true, 1, 1, func(s *scope, args []any) (any, error) {
		kind, _ := args[0].(string)
		return s.fake(kind)
	}},
	{"seq", "seq()", "1, 2, 3 … of this virtual user, one more each time", true, 0, 0, func(s *scope, _ []any) (any, error) {
		switch {
		case s.env == nil:
			return nil, errors.New("seq() needs a virtual user")
		case s.env.Seq != nil:
			return int(s.env.Seq()), nil
		}
		s.env.count++
		return int(s.env.count), nil
	}},
	{"now", "now()", "the time as Laravel writes it in JSON, in UTC", true, 0, 0, func(s *scope, _ []any) (any, error) {
		at := time.Now
		if s.env != nil && s.env.Now != nil {
			at = s.env.Now
		}
		return at().UTC().Format("2006-01-02T15:04:05.000000Z"), nil
	}},
	{"repeat", "repeat(text, n)", "the text n times, for payloads of a size", false, 2, 2, func(s *scope, args []any) (any, error) {
		text, ok := args[0].(string)
		n, isInt := asInt(args[1])
		if !ok || !isInt || n < 0 {
			return nil, fmt.Errorf("repeat needs a text and a number, not %s and %s", describe(args[0]), describe(args[1]))
		}
		if n > maxMade || len(text)*n > maxMade {
			return nil, fmt.Errorf("repeat would make %.0f bytes; at most %d", float64(len(text))*float64(n), maxMade)
		}
		return strings.Repeat(text, n), s.grow(len(text) * n)
	}},
	{"pad", "pad(value, width)", "the value with zeros before it: pad(vu, 4) is 0007", false, 2, 2, func(s *scope, args []any) (any, error) {
		text, err := appendText(nil, args[0])
		n, ok := asInt(args[1])
		if err != nil || !ok || n < 0 || n > 1000 {
			return nil, fmt.Errorf("pad needs a width from 0 to 1000, not %s", describe(args[1]))
		}
		return strings.Repeat("0", max(0, n-len(text))) + string(text), s.grow(n)
	}},
	{"min", "min(a, b, …)", "the least of numbers", false, 1, -1, func(_ *scope, args []any) (any, error) { return extreme("min", args, -1) }},
	{"max", "max(a, b, …)", "the greatest of numbers", false, 1, -1, func(_ *scope, args []any) (any, error) { return extreme("max", args, 1) }},
	{"string", "string(value)", "the value as a text; objects and lists as JSON", false, 1, 1, func(s *scope, args []any) (any, error) {
		text, err := appendText(nil, args[0])
		return string(text), errors.Join(err, s.grow(len(text)))
	}},
	{"json", "json(value)", "the value as JSON", false, 1, 1, func(s *scope, args []any) (any, error) {
		text, err := appendJSON(nil, args[0])
		return string(text), errors.Join(err, s.grow(len(text)))
	}},
}

func functionNamed(name string) *Function {
	i := slices.IndexFunc(Functions, func(f Function) bool { return f.Name == name })
	if i < 0 {
		return nil
	}
	return &Functions[i]
}

// fakes is what fake() makes, each by gofakeit on the user's stream. Kinds that look at the clock are not among them: a seed
// must give the same data tomorrow.
var fakes = map[string]func(f *gofakeit.Faker) string{
	"adjective": (*gofakeit.Faker).Adjective, "animal": (*gofakeit.Faker).Animal, "app": (*gofakeit.Faker).AppName, "city": (*gofakeit.Faker).City,
	"color": (*gofakeit.Faker).Color, "company": (*gofakeit.Faker).Company, "country": (*gofakeit.Faker).Country,
	"countryCode": (*gofakeit.Faker).CountryAbr, "currency": (*gofakeit.Faker).CurrencyShort, "domain": (*gofakeit.Faker).DomainName,
	"email": (*gofakeit.Faker).Email, "emoji": (*gofakeit.Faker).Emoji, "extension": (*gofakeit.Faker).FileExtension,
	"firstName": (*gofakeit.Faker).FirstName, "hexColor": (*gofakeit.Faker).HexColor, "hobby": (*gofakeit.Faker).Hobby,
	"ip": (*gofakeit.Faker).IPv4Address, "job": (*gofakeit.Faker).JobTitle, "language": (*gofakeit.Faker).Language,
	"lastName": (*gofakeit.Faker).LastName, "mime": (*gofakeit.Faker).FileMimeType, "name": (*gofakeit.Faker).Name, "noun": (*gofakeit.Faker).Noun,
	"paragraph": func(f *gofakeit.Faker) string { return f.Paragraph() },
	"phone":     (*gofakeit.Faker).Phone, "phrase": (*gofakeit.Faker).Phrase, "product": (*gofakeit.Faker).ProductName,
	"question": (*gofakeit.Faker).Question, "sentence": func(f *gofakeit.Faker) string { return f.Sentence() },
	"slogan": (*gofakeit.Faker).Slogan, "state": (*gofakeit.Faker).State, "street": (*gofakeit.Faker).Street, "url": (*gofakeit.Faker).URL,
	"userAgent": (*gofakeit.Faker).UserAgent, "username": (*gofakeit.Faker).Username, "uuid": (*gofakeit.Faker).UUID,
	"verb": (*gofakeit.Faker).Verb, "word": (*gofakeit.Faker).Word, "zip": (*gofakeit.Faker).Zip,
}

// FakeKinds are the kinds that fake() knows.
func FakeKinds() []string { return slices.Sorted(maps.Keys(fakes)) }

func (s *scope) fake(kind string) (any, error) {
	make := fakes[kind]
	if make == nil {
		return nil, fmt.Errorf("fake(%q): there is no such kind; %s", kind, meant(kind, FakeKinds()))
	}
	rng, err := s.rng()
	if err != nil {
		return nil, err
	}
	text := make(gofakeit.NewFaker(rng, false))
	return text, s.grow(len(text))
}

func (s *scope) rng() (*rand.Rand, error) {
	if s.env == nil || s.env.Rng == nil {
		return nil, errors.New("there is no random stream here")
	}
	return s.env.Rng, nil
}

func pick(s *scope, args []any) (any, error) {
	rng, err := s.rng()
	if err != nil {
		return nil, err
	}
	if len(args) == 1 {
		list := reflect.ValueOf(args[0])
		if list.Kind() != reflect.Slice || list.Len() == 0 {
			return nil, fmt.Errorf("pick needs values or a list that is not empty, not %s", describe(args[0]))
		}
		return list.Index(rng.IntN(list.Len())).Interface(), nil
	}
	return args[rng.IntN(len(args))], nil
}

func wholeNumber(s *scope, args []any) (any, error) {
	if len(args) == 1 {
		if text, ok := args[0].(string); ok {
			n, err := strconv.Atoi(strings.TrimSpace(text))
			if err != nil {
				return nil, fmt.Errorf("int(%q): this is no whole number", text)
			}
			return n, nil
		}
		f, ok := asFloat(args[0])
		if !ok || math.IsNaN(f) || math.Abs(f) > 1<<53 {
			return nil, fmt.Errorf("int needs a number or a text, not %s", describe(args[0]))
		}
		return int(f), nil
	}
	rng, err := s.rng()
	if err != nil {
		return nil, err
	}
	a, ok := asInt(args[0])
	b, too := asInt(args[1])
	if !ok || !too || a > b || a < -1<<53 || b > 1<<53 {
		return nil, fmt.Errorf("int needs two whole numbers, the lesser first, not %s and %s", describe(args[0]), describe(args[1]))
	}
	return a + rng.IntN(b-a+1), nil
}

func (s *scope) between(args []any, draw func(rng *rand.Rand, a, b float64) any) (any, error) {
	rng, err := s.rng()
	if err != nil {
		return nil, err
	}
	a, ok := asFloat(args[0])
	b, too := asFloat(args[1])
	if !ok || !too || !(a <= b) {
		return nil, fmt.Errorf("two numbers are needed, the lesser first, not %s and %s", describe(args[0]), describe(args[1]))
	}
	return draw(rng, a, b), nil
}

func extreme(name string, args []any, sign float64) (any, error) {
	if list, ok := args[0].([]any); ok && len(args) == 1 && len(list) > 0 {
		args = list
	}
	best := args[0]
	for _, v := range args {
		x, ok := asFloat(v)
		y, _ := asFloat(best)
		if !ok {
			return nil, fmt.Errorf("%s needs numbers, not %s", name, describe(v))
		}
		if (x-y)*sign > 0 {
			best = v
		}
	}
	return best, nil
}

func asFloat(v any) (float64, bool) {
	switch n := v.(type) {
	case int:
		return float64(n), true
	case int64:
		return float64(n), true
	case uint64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

func asInt(v any) (int, bool) {
	f, ok := asFloat(v)
	return int(f), ok && f == math.Trunc(f) && math.Abs(f) <= 1<<53
}

// describe is a value for a message.
func describe(v any) string {
	if v == nil {
		return "nothing"
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("a %T", v)
	}
	if len(text) > 60 {
		text = append([]byte(strings.ToValidUTF8(string(text[:60]), "")), "…"...)
	}
	return string(text)
}

// sizeOf is about how much memory a value takes that was just made: what it refers to was counted before.
func sizeOf(v any) int {
	switch v := v.(type) {
	case string:
		return len(v)
	case []any:
		return 16 * len(v)
	case nil, bool, int, float64:
		return 0
	}
	if r := reflect.ValueOf(v); r.Kind() == reflect.Slice || r.Kind() == reflect.Map {
		return 16 * r.Len()
	}
	return 0
}
