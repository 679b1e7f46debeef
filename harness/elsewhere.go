package harness

// elsewhere are the user_ids that clients of other segments come with too: of somebody who has tabs in two segments, one
// alone cannot say when they come and go. Their presence is held to what all clients here agree on, as that of strangers is.
// nil without segments.
func (r *run) elsewhere() map[string]bool {
	segment := r.plan.Segment
	if segment.N <= 1 {
		return nil
	}
	mine, others := make(map[string]bool), make(map[string]bool)
	for i := range r.scenario.Groups {
		g := &groupRun{Group: &r.scenario.Groups[i], r: r, rec: r.rec}
		if g.User.ID.IsZero() {
			continue // each has one of its own
		}
		for number := range g.crew() {
			id, err := g.User.ID.Eval((&User{run: r, group: g, number: number, vu: number + 1, rng: r.plan.Stream(g.Name, number)}).env())
			if err != nil {
				continue // said when the user comes
			}
			arrival := g.Executor.Arrival() // who is free plays an iteration: anybody may be in any segment
			if arrival || segment.Takes(uint64(number)) {
				mine[id] = true
			}
			if arrival || !segment.Takes(uint64(number)) {
				others[id] = true
			}
		}
	}
	both := make(map[string]bool)
	for id := range mine {
		if others[id] {
			both[id] = true
		}
	}
	return both
}
