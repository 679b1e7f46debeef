package harness

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"time"
)

// NewPlan makes a scenario ready to be run. seed 0 takes the file's.
func NewPlan(s *Scenario, seed uint64, seg Segment) *Plan {
	if seed == 0 {
		seed = s.Seed
	}
	p := &Plan{Scenario: s, Seed: seed, Segment: seg}
	p.Hash = p.hash()
	return p
}

// Stream is the random stream of one virtual user: number counts from 0 in its group. It depends on the seed, the group's name
// and the number alone, so that another user, group or step shifts nobody's choices.
func (p *Plan) Stream(group string, number int) *rand.Rand {
	return p.stream("user", group, uint64(number))
}

// IterationStream is the random stream of one iteration of an arrival-rate executor, whose iterations are taken by whichever
// user is free: with the stream of the iteration its payload does not depend on who that is.
func (p *Plan) IterationStream(group string, iteration uint64) *rand.Rand {
	return p.stream("iteration", group, iteration)
}

func (p *Plan) stream(what, group string, number uint64) *rand.Rand {
	text := binary.BigEndian.AppendUint64(nil, p.Seed)
	text = binary.BigEndian.AppendUint64(text, number)
	text = append(append(append(text, what...), 0), group...)
	sum := sha256.Sum256(text)
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])))
}

// hash is that of everything which decides what is done: seed, variables, groups and what must hold. What the file is called,
// where its parts stand, their order, comments and the target are not in it.
func (p *Plan) hash() string {
	s := p.Scenario
	groups := make(map[string]any, len(s.Groups))
	for i := range s.Groups {
		groups[s.Groups[i].Name] = normal(reflect.ValueOf(s.Groups[i]))
	}
	thresholds := make(map[string][]string)
	for _, t := range s.Thresholds {
		thresholds[t.Selector()] = append(thresholds[t.Selector()], fmt.Sprint(t.Expression, t.AbortOnFail, t.DelayAbort))
	}
	text, err := json.Marshal(map[string]any{ // its keys are sorted
		"version": 1, "seed": p.Seed, "variables": s.Variables, "groups": groups, "thresholds": thresholds,
		"lateAfter": s.LateAfter, "drain": s.Drain, "health": normal(reflect.ValueOf(s.Health)), "namespace": s.Target.Namespace,
	})
	if err != nil {
		panic(err) // maps, lists, texts and finite numbers alone: Parse refuses the others
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// normal is what a struct's tagged fields hold, without those that are zero, as values that JSON writes in one way.
func normal(v reflect.Value) any {
	switch value := v.Interface().(type) {
	case Text:
		return value.source
	case Value:
		return value.root.source()
	case *Expr:
		return value.source
	case Wait:
		return value.String()
	case time.Duration:
		return int64(value)
	case []Step:
		out := make([]any, len(value))
		for i := range value {
			step := map[string]any{"do": value[i].Kind.Name, "name": value[i].Name, "with": normal(reflect.ValueOf(value[i].Do).Elem())}
			if value[i].If != nil {
				step["if"] = value[i].If.source
			}
			out[i] = step
		}
		return out
	}
	switch v.Kind() {
	case reflect.Struct:
		out := make(map[string]any)
		for _, f := range fieldsOf(v.Type()) {
			if field := v.FieldByIndex(f.index); !field.IsZero() && f.of != "journeys" {
				out[f.name] = normal(field)
			}
		}
		return out
	case reflect.Map:
		out := make(map[string]any, v.Len())
		for _, key := range v.MapKeys() {
			out[key.String()] = normal(v.MapIndex(key))
		}
		return out
	case reflect.Slice:
		out := make([]any, v.Len())
		for i := range out {
			out[i] = normal(v.Index(i))
		}
		return out
	case reflect.Pointer:
		return normal(v.Elem())
	}
	return v.Interface()
}
