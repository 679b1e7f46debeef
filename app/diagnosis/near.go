package diagnosis

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"echolab/emulator/pusher"
	"echolab/harness/echo"
)

// resemblance is a way in which two channels have nearly the same name, and so are mistaken for each other.
type resemblance struct {
	alike func(a, b string) bool
	why   func(event, there string) string // a sentence
}

// resemblances, the closest first.
var resemblances = []resemblance{
	{strings.EqualFold, func(_, _ string) string { return "Upper and lower case tell channels apart." }},
	{func(a, b string) bool { return base(a) == base(b) }, func(_, _ string) string { return "The prefix makes them two channels." }},
	{func(a, b string) bool { return core(a) == core(b) }, doubled},
	{func(a, b string) bool { return user(a) != "" && user(a) == user(b) }, func(_, _ string) string {
		return "A user's channel has one name in Laravel, that of the model's class, where notifications go too: App.Models.User."
	}},
	{func(a, b string) bool { return loose(a) == loose(b) }, func(_, _ string) string { return "Dots, hyphens and case tell channels apart." }},
}

// base is a channel's name without the prefix that Echo and Laravel put before it.
func base(channel string) string {
	_, name := pusher.LaravelChannel(channel)
	return name
}

// core is the name without any such prefix, however many there are.
func core(channel string) string {
	for name := base(channel); name != channel; name = base(channel) {
		channel = name
	}
	return channel
}

var userChannel = regexp.MustCompile(`(?i)^(?:[a-z]+\.)*users?\.([^.]+)$`)

// user is the id that a user's channel is for, whatever it calls the user: 7 of private-User.7; "" for other channels.
func user(channel string) string {
	if found := userChannel.FindStringSubmatch(core(channel)); found != nil {
		return found[1]
	}
	return ""
}

// loose is the name as somebody remembers it.
func loose(channel string) string {
	return strings.TrimPrefix(core(strings.NewReplacer(".", "-", "_", "-").Replace(strings.ToLower(channel))), "cache-")
}

// doubled says that a prefix came twice, which Echo and Laravel put there by themselves.
func doubled(event, there string) string {
	for _, channel := range []string{there, event} {
		name := base(channel)
		if name == core(channel) {
			continue
		}
		if channel == there {
			return echo.Call(there) + " adds " + strings.TrimSuffix(channel, name) + " by itself, so it comes twice."
		}
		class, _ := pusher.LaravelChannel(channel)
		return class + " adds " + strings.TrimSuffix(channel, name) + " by itself, so it comes twice."
	}
	return "The prefix makes them two channels."
}

// mostNear is how many channels of nearly the same name are told.
const mostNear = 3

// nearNames are channels of nearly the event's name that somebody was on.
func nearNames(f *Facts) []Cause {
	type found struct {
		rank int
		Channel
	}
	var near []found
	for _, ch := range f.Channels {
		if ch.Name == f.Event.Channel || len(ch.Subscribers) == 0 {
			continue
		}
		rank := slices.IndexFunc(resemblances, func(r resemblance) bool { return r.alike(f.Event.Channel, ch.Name) })
		if rank >= 0 {
			near = append(near, found{rank, ch})
		}
	}
	slices.SortStableFunc(near, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(len(b.Subscribers), len(a.Subscribers)))
	})
	var all []Cause
	for _, n := range near[:min(len(near), mostNear)] {
		was := " was on "
		if len(n.Subscribers) > 1 {
			was = " were on "
		}
		c := Cause{What: many(len(n.Subscribers), "socket") + was + n.Name + ", but the event went to " + f.Event.Channel + ". " +
			resemblances[n.rank].why(f.Event.Channel, n.Name)}
		c.Do = "Broadcast on " + broadcasts(n.Name) + ", or subscribe with " + echo.Call(f.Event.Channel) + "."
		if f.Event.Count > 0 {
			c.What = "If your page is on " + n.Name + ", it is not on " + f.Event.Channel + " by that. " + resemblances[n.rank].why(f.Event.Channel, n.Name)
		}
		all = append(all, c)
	}
	return all
}
