package harness

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"
)

// ExecutorKind is one row of the table of executors: which keys of a group it needs and which it takes besides.
type ExecutorKind struct {
	Name         Executor
	Help         string
	Needs, Takes []string
}

// Executors is every executor there is, with k6's names and keys.
var Executors = []ExecutorKind{
	{ConstantVUs, "so many users for so long, who repeat the steps", []string{"vus", "duration"}, nil},
	{RampingVUs, "users who come and go in stages and repeat the steps", []string{"stages"}, []string{"startVUs", "gracefulRampDown"}},
	{PerVUIterations, "each user makes so many iterations", []string{"vus"}, []string{"iterations", "maxDuration"}},
	{ConstantArrivalRate, "so many iterations each timeUnit, whatever became of those before", []string{"rate", "duration"}, []string{"timeUnit", "preAllocatedVUs", "maxVUs"}},
	{RampingArrivalRate, "a rate of iterations that goes through stages", []string{"stages"}, []string{"startRate", "timeUnit", "preAllocatedVUs", "maxVUs"}},
}

// commonKeys are those that every executor takes.
var commonKeys = []string{"executor", "startTime", "gracefulStop", "user", "journey", "setup", "steps", "teardown"}

// Arrival tells that iterations come at a rate and users take them, rather than that users repeat the steps.
func (e Executor) Arrival() bool { return e == ConstantArrivalRate || e == RampingArrivalRate }

func executorNamed(name Executor) *ExecutorKind {
	i := slices.IndexFunc(Executors, func(k ExecutorKind) bool { return k.Name == name })
	if i < 0 {
		return nil
	}
	return &Executors[i]
}

func executorNames() (names []string) {
	for _, k := range Executors {
		names = append(names, string(k.Name))
	}
	return names
}

// Bounds of one group: what is beyond them is a slip of the pen, or more than one machine holds.
const (
	maxUsers      = 1_000_000
	maxChanges    = 5_000_000 // users that ramps add and take away
	maxIterations = 1e10
)

// group reads one entry of scenarios and holds it against its executor.
func (d *decoder) group(b *branch, journeys map[string]*journey) (g Group) {
	g = Group{Name: b.key, Place: b.at.String()}
	what := "scenario " + b.key
	before := len(d.List)
	if _, ok := b.value.([]branch); !ok {
		d.add(b.at, "%s must have keys and values, the first of them executor: with one of %s", what, strings.Join(executorNames(), ", "))
		return g
	}
	d.mapping(b.tree, what, fieldsOf(groupType), reflect.ValueOf(&g).Elem())
	at := b.tree.at
	kind := executorNamed(g.Executor)
	if g.Executor != "" && kind == nil {
		d.add(b.child("executor").at, "there is no executor %s; %s", short(string(g.Executor)), meant(string(g.Executor), executorNames()))
	}
	if kind == nil || len(d.List) > before {
		return g
	}
	for _, entry := range b.value.([]branch) {
		if !slices.Contains(slices.Concat(commonKeys, kind.Needs, kind.Takes), entry.key) {
			d.add(entry.at, "%s has no key %s; it takes %s", kind.Name, entry.key, strings.Join(slices.Concat(kind.Needs, kind.Takes), ", "))
		}
	}
	for _, key := range kind.Needs {
		if c := b.child(key); c == nil || c.value == nil {
			f := fieldNamed(fieldsOf(groupType), key)
			d.add(at, "%s needs %s: %s", kind.Name, key, f.help)
		}
	}
	if len(d.List) > before {
		return g
	}
	if j := journeys[g.Journey]; j != nil {
		for _, from := range []struct {
			key     string
			own     *[]Step
			journey []Step
		}{{"setup", &g.Setup, j.Setup}, {"steps", &g.Steps, j.Steps}, {"teardown", &g.Teardown, j.Teardown}} {
			if b.child(from.key) == nil {
				*from.own = from.journey
			}
		}
	}
	d.amounts(b, &g)
	g.withDefaults(b)
	if g.MaxVUs < g.PreAllocatedVUs {
		d.add(b.child("maxVUs").at, "maxVUs is %d, fewer than the %d that work from the start (preAllocatedVUs)", g.MaxVUs, g.PreAllocatedVUs)
	}
	if len(g.Steps) == 0 && (g.Executor.Arrival() || g.Executor == PerVUIterations) {
		d.add(at, "%s repeats steps, and there are none; add steps: or journey:", kind.Name)
	} else if len(g.Steps)+len(g.Setup) == 0 {
		d.add(at, "nothing is done here; add setup:, steps: or journey:")
	}
	return g
}

// amounts checks that there is something to do, and not too much.
func (d *decoder) amounts(b *branch, g *Group) {
	positive := func(key string, value float64) {
		if c := b.child(key); c != nil && value <= 0 {
			d.add(c.at, "%s must be more than 0", key)
		}
	}
	positive("vus", float64(g.VUs))
	positive("duration", float64(g.Duration))
	positive("maxDuration", float64(g.MaxDuration))
	positive("iterations", float64(g.Iterations))
	positive("rate", g.Rate)
	positive("timeUnit", float64(g.TimeUnit))
	positive("preAllocatedVUs", float64(g.PreAllocatedVUs))
	for _, row := range []struct {
		key   string
		value int
	}{{"vus", g.VUs}, {"startVUs", g.StartVUs}, {"preAllocatedVUs", g.PreAllocatedVUs}, {"maxVUs", g.MaxVUs}} {
		if row.value > maxUsers {
			d.add(b.child(row.key).at, "%s is %d; at most %d users fit here", row.key, row.value, maxUsers)
		}
	}
	if stages := b.child("stages"); stages != nil {
		d.stages(stages, g)
	}
}

func (d *decoder) stages(t *tree, g *Group) {
	var length time.Duration
	least, changes := float64(g.StartVUs)+g.StartRate, 0.0
	count := float64(g.StartVUs)
	list, _ := t.value.([]tree)
	for i, s := range g.Stages {
		at := list[i].at
		length += s.Duration
		least = max(least, s.Target)
		changes += math.Abs(s.Target - count)
		count = s.Target
		if g.Executor == RampingVUs {
			if s.Target != math.Trunc(s.Target) {
				d.add(at, "target is %v; there are only whole users", s.Target)
			}
			if s.Target > maxUsers {
				d.add(at, "target is %.0f; at most %d users fit here", s.Target, maxUsers)
			}
		}
	}
	switch {
	case length == 0:
		d.add(t.at, "all stages together take no time; give one a duration")
	case length > maxDuration:
		d.add(t.at, "all stages together take %s; at most 168h, a week", length)
	case least == 0:
		d.add(t.at, "every target is 0, so that nothing happens; give a stage a target")
	case g.Executor == RampingVUs && changes > maxChanges:
		d.add(t.at, "the stages add and take away %.0f users; at most %d", changes, maxChanges)
	}
}

// withDefaults fills in what the file leaves out.
func (g *Group) withDefaults(b *branch) {
	if b.child("gracefulStop") == nil {
		g.GracefulStop = 30 * time.Second
	}
	switch g.Executor {
	case RampingVUs:
		if b.child("gracefulRampDown") == nil {
			g.GracefulRampDown = 30 * time.Second
		}
	case PerVUIterations:
		g.Iterations = max(g.Iterations, 1)
		if g.MaxDuration == 0 {
			g.MaxDuration = 10 * time.Minute
		}
	case ConstantArrivalRate, RampingArrivalRate:
		if g.TimeUnit == 0 {
			g.TimeUnit = time.Second
		}
		most := max(g.Rate, g.StartRate)
		for _, s := range g.Stages {
			most = max(most, s.Target)
		}
		most /= g.TimeUnit.Seconds()
		if g.PreAllocatedVUs == 0 {
			g.PreAllocatedVUs = int(max(1, min(100, math.Ceil(most))))
			if g.MaxVUs > 0 {
				g.PreAllocatedVUs = min(g.PreAllocatedVUs, g.MaxVUs)
			}
		}
		if g.MaxVUs == 0 {
			g.MaxVUs = max(g.PreAllocatedVUs, int(min(1000, math.Ceil(5*most))))
		}
	}
}

// String is how much it does, in one line.
func (g *Group) String() string {
	switch g.Executor {
	case ConstantVUs:
		return fmt.Sprintf("%d users for %s", g.VUs, g.Duration)
	case PerVUIterations:
		return fmt.Sprintf("%d users, %d iterations each, at most %s", g.VUs, g.Iterations, g.MaxDuration)
	case RampingVUs:
		return fmt.Sprintf("from %d users %s", g.StartVUs, legs(g.Stages))
	case ConstantArrivalRate:
		return fmt.Sprintf("%g iterations each %s for %s, %d to %d users", g.Rate, g.TimeUnit, g.Duration, g.PreAllocatedVUs, g.MaxVUs)
	}
	return fmt.Sprintf("from %g iterations each %s %s, %d to %d users", g.StartRate, g.TimeUnit, legs(g.Stages), g.PreAllocatedVUs, g.MaxVUs)
}

func legs(stages []Stage) string {
	var out []string
	for _, s := range stages {
		out = append(out, fmt.Sprintf("to %g in %s", s.Target, s.Duration))
	}
	return strings.Join(out, ", ")
}
