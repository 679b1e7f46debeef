package laravel

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// limits are minimum and maximum of a number, those that are missing near the others.
func limits(o Object, step float64) (low, high float64) {
	low, high = math.NaN(), math.NaN()
	for _, row := range []struct {
		keyword string
		into    *float64
		off     float64
		wider   func(a, b float64) float64
	}{{"minimum", &low, 0, math.Max}, {"exclusiveMinimum", &low, step, math.Max}, {"maximum", &high, 0, math.Min}, {"exclusiveMaximum", &high, -step, math.Min}} {
		var n float64
		switch v := o.Get(row.keyword).(type) {
		case int64:
			n = float64(v)
		case float64:
			n = v
		default:
			continue
		}
		if n += row.off; math.IsNaN(*row.into) {
			*row.into = n
		} else {
			*row.into = row.wider(*row.into, n)
		}
	}
	switch noLow, noHigh := math.IsNaN(low), math.IsNaN(high); {
	case noLow && noHigh:
		return 1, 1000
	case noLow:
		low = math.Min(high-1000, math.Max(0, high-1000))
	case noHigh:
		high = low + 1000
	}
	return low, high
}

func (d *drawing) integer(o Object, name string, _ int) (any, error) {
	if id, ok := d.id(o, name); ok {
		return id, nil
	}
	low, high := limits(o, 1)
	low, high = math.Max(math.Ceil(low), math.MinInt64), math.Min(math.Floor(high), 1<<63-1024)
	step, ok := wholeOf(o.Get("multipleOf"))
	if !ok || step < 1 {
		step = 1
	}
	from, to := int64(math.Ceil(low/float64(step))), int64(math.Floor(high/float64(step)))
	if from > to {
		return nil, fmt.Errorf("%s: there is no whole number from %v to %v", name, low, high)
	}
	span := uint64(to) - uint64(from)
	if span < math.MaxInt64 {
		from += d.scene.chance.Int64N(int64(span) + 1)
	} else {
		from += int64(d.scene.chance.Uint64N(span))
	}
	return from * step, nil
}

// id gives client_id the id of a client, where nothing else is asked of it.
func (d *drawing) id(o Object, name string) (any, bool) {
	if len(o) > 1 && slices.ContainsFunc(o, func(f Field) bool { return f.Key != "type" && f.Key != "title" && f.Key != "description" }) {
		return nil, false
	}
	short := paramName(name)
	if strings.EqualFold(short, strings.ReplaceAll(name, "_", "")) {
		return nil, false
	}
	if asked, ok := d.scene.asked(short); ok {
		id := asked.Value()
		_, whole := id.(int64)
		return id, whole
	}
	typ := d.scene.typeOf(short)
	if typ == "" {
		return nil, false
	}
	id, whole := d.scene.id(typ).(int64)
	return id, whole
}

func (d *drawing) number(o Object, name string, depth int) (any, error) {
	if o.Get("multipleOf") != nil {
		if _, whole := wholeOf(o.Get("multipleOf")); whole {
			return d.integer(o, name, depth)
		}
	}
	low, high := limits(o, 1e-9)
	if low > high || math.IsInf(high-low, 0) {
		return nil, fmt.Errorf("%s: there is no number from %v to %v", name, low, high)
	}
	n := low + d.scene.fake.Float64()*(high-low)
	if step, ok := o.Get("multipleOf").(float64); ok && step > 0 {
		return math.Round(n/step) * step, nil
	}
	if cents := math.Round(n*100) / 100; cents >= low && cents <= high {
		return cents, nil
	}
	return n, nil
}

// textFormats draw what format names.
var textFormats = map[string]func(*scene) string{
	"date-time": func(s *scene) string { return s.ago(30 * 24 * time.Hour).Format(isoTime) },
	"date":      func(s *scene) string { return s.ago(30 * 24 * time.Hour).Format(time.DateOnly) },
	"time":      func(s *scene) string { return s.ago(24*time.Hour).Format(time.TimeOnly) + "Z" },
	"duration":  func(s *scene) string { return fmt.Sprintf("PT%dM", 1+s.fake.IntN(240)) },
	"email":     func(s *scene) string { return s.fake.Email() },
	"hostname":  func(s *scene) string { return s.fake.DomainName() },
	"uri":       func(s *scene) string { return "https://" + s.fake.DomainName() + "/" + s.fake.Word() },
	"url":       func(s *scene) string { return "https://" + s.fake.DomainName() + "/" + s.fake.Word() },
	"uuid":      func(s *scene) string { return s.fake.UUID() },
	"ipv4":      func(s *scene) string { return s.fake.IPv4Address() },
	"ipv6":      func(s *scene) string { return s.fake.IPv6Address() },
}

// textNames draw what a property's name suggests.
var textNames = map[string]func(*scene) string{
	"name": func(s *scene) string { return s.fake.Name() }, "firstname": func(s *scene) string { return s.fake.FirstName() },
	"lastname": func(s *scene) string { return s.fake.LastName() }, "email": func(s *scene) string { return s.fake.Email() },
	"title": func(s *scene) string { return s.pick(notices...) }, "message": func(s *scene) string { return s.pick(messages...) },
	"body": func(s *scene) string { return s.pick(remarks...) }, "description": func(s *scene) string { return s.pick(messages...) },
	"total": (*scene).money, "amount": (*scene).money, "price": (*scene).money, "balance": (*scene).money,
	"company": func(s *scene) string { return s.fake.Company() }, "city": func(s *scene) string { return s.fake.City() },
	"country": func(s *scene) string { return s.fake.Country() }, "phone": func(s *scene) string { return s.fake.Phone() },
	"color": func(s *scene) string { return s.fake.Color() }, "url": func(s *scene) string { return textFormats["uri"](s) },
	"createdat": (*scene).now, "updatedat": (*scene).now,
}

func (d *drawing) text(o Object, name string, _ int) (any, error) {
	least, _ := wholeOf(o.Get("minLength"))
	most, bounded := wholeOf(o.Get("maxLength"))
	if least > maxDrawnText {
		return nil, fmt.Errorf("%s asks for %d characters; %d are the most", name, least, maxDrawnText)
	}
	if pattern, ok := o.Get("pattern").(string); ok {
		text := d.scene.fake.Regex(pattern)
		if len(text) > maxDrawnText {
			return nil, fmt.Errorf("%s: pattern %.40q draws texts of %d characters; %d are the most", name, pattern, len(text), maxDrawnText)
		}
		return text, nil
	}
	draw := func(s *scene) string { return s.fake.Word() }
	if format, ok := o.Get("format").(string); ok && textFormats[format] != nil {
		draw = textFormats[format]
	} else if named := textNames[strings.ToLower(strings.ReplaceAll(name, "_", ""))]; named != nil {
		draw = named
	}
	text := []rune(draw(d.scene))
	for int64(len(text)) < least {
		text = append(append(text, ' '), []rune(d.scene.fake.Word())...)
		if bounded && int64(len(text)) > most {
			break
		}
	}
	if bounded && most >= 0 && int64(len(text)) > most {
		text = text[:most]
	}
	return string(text), nil
}
