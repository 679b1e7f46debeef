package harness

import (
	"slices"
	"strings"

	"echolab/harness/echo"
)

// maxErrors is how many errors are kept in words; the rest is counted.
const maxErrors = 50

// fault counts something that went wrong for a user, and tells the first of its kind.
func (r *run) fault(u *User, kind, text string) {
	u.rec.Add(r.registry.Series(Errors, Tag{"scenario", u.group.Name}, Tag{"error", kind}), 1)
	r.mu.Lock()
	r.errors[kind]++
	first := r.errors[kind] == 1
	if first && len(r.errorList) < maxErrors {
		r.errorList = append(r.errorList, u.name+": "+kind+": "+text)
	}
	r.mu.Unlock()
	if first {
		r.tell(u.name + ": " + kind + ": " + text)
	}
}

// warn notes something for people.
func (r *run) warn(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.warnings = append(r.warnings, text)
}

// maxRemarks is how many different remarks of steps a result has room for.
const maxRemarks = 10

// remark notes something for people, once, however often it is said.
func (r *run) remark(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.warnings) < maxRemarks && !slices.Contains(r.warnings, text) {
		r.warnings = append(r.warnings, text)
	}
}

// socketError tells what the machine could not do from what the server did not.
func (r *run) socketError(u *User, n *echo.Notice) {
	if n.Err == nil {
		return
	}
	if exhausted(n.Err) {
		r.health.SocketError()
		r.fault(u, "no more sockets", n.Err.Error())
		return
	}
	r.fault(u, "connect", n.Err.Error())
}

// unheard enters an event that came by listeners which cannot fire, because Echo made another name of theirs.
func (r *run) unheard(channel, event string, a *attendance) {
	short := event[strings.LastIndexByte(event, '\\')+1:]
	for i := range a.bound {
		l := &a.bound[i]
		bound := l.bound
		if bound[strings.LastIndexByte(bound, '\\')+1:] != short {
			continue
		}
		names := echo.Options{Namespace: r.scenario.Target.Namespace}
		method, argument := names.Hearing(event)
		fix := "." + method + "(" + argument + ")"
		r.mu.Lock()
		key := [3]string{channel, bound, event}
		d := r.dead[key]
		if d == nil {
			d = &DeadListener{Channel: channel, Event: l.asked, Bound: bound, Came: event, Fix: fix, Place: l.step.Place}
			r.dead[key] = d
		}
		d.Missed++
		if !l.dead {
			l.dead = true
			d.Clients++
		}
		r.mu.Unlock()
		r.rec.Add(r.registry.Series(DeadListeners, Tag{"event", event}), 1)
	}
}

// check enters what became of an expectation.
func (r *run) check(u *User, step *Step, name string, held bool, evidence string) {
	u.rec.Check(r.registry.Series(Checks, Tag{"scenario", u.group.Name}, Tag{"check", name}), held)
	r.mu.Lock()
	e := r.expected[u.group.Name+step.Place]
	if e == nil {
		e = &Expectation{Name: name, Scenario: u.group.Name, Place: step.Place, Evidence: []string{}}
		r.expected[u.group.Name+step.Place] = e
	}
	first := false
	if held {
		e.Held++
	} else {
		first = e.Failed == 0
		e.Failed++
		if len(e.Evidence) < maxEvidence {
			e.Evidence = append(e.Evidence, u.name+": "+evidence)
		}
	}
	r.mu.Unlock()
	if first {
		r.tell(u.name + ": " + name + ": " + evidence)
	}
}
