package laravel

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Problem is something wrong with an Application.
type Problem struct {
	Place   string // file:line:column; "" when it has none
	Message string
}

// Error makes a Problem an error.
func (p Problem) Error() string {
	if p.Place == "" {
		return p.Message
	}
	return p.Place + ": " + p.Message
}

// rulebook is the channels of an Application, compiled. It is not changed once it is made.
type rulebook struct {
	app      *Application
	channels []*channelRule
	signIn   *expression
}

// channelRule is one Broadcast::channel(), compiled.
type channelRule struct {
	Channel
	pattern *pattern
	rule    *expression
	members []*expression // one for each of Member
}

// defaultResolver is how the guide's application would sign users in: pusher-js wants the id as text.
const defaultResolver = `user == nil ? nil : {id: string(user.id), user_info: {name: user.name, avatar: user.avatar}}`

// Check tells everything that is wrong with the users, channels, sign-in and events of an Application, in the file's order.
func Check(app *Application) []Problem {
	_, problems := compileRules(app)
	problems = append(CheckUsers(app), problems...)
	checkEvents(app, func(place, message string) { problems = append(problems, Problem{place, message}) })
	return problems
}

// CheckUsers tells what is wrong with the users and with the settings that name one.
func CheckUsers(app *Application) (problems []Problem) {
	seen, tokens := map[ID]bool{}, map[string]bool{}
	for i := range app.Users {
		u := &app.Users[i]
		switch {
		case u.ID.IsZero() || u.ID.String() == "":
			problems = append(problems, Problem{"", fmt.Sprintf("user %d (%q) has no id", i+1, u.Name)})
		case seen[u.ID]:
			problems = append(problems, Problem{"", fmt.Sprintf("user id %s is there twice", u.ID)})
		}
		if u.Token != "" && tokens[u.Token] {
			problems = append(problems, Problem{"", fmt.Sprintf("user %s: another user has the same token", u.ID)})
		}
		seen[u.ID], tokens[u.Token] = true, true
	}
	if id := app.Auth.DefaultUser; !id.IsZero() && !seen[id] {
		problems = append(problems, Problem{"", fmt.Sprintf("the default user %s is not among the users: there are %s", id, app.cast())})
	}
	if n := len(app.Auth.EncryptionKey); n != 0 && n != 32 {
		problems = append(problems, Problem{"", fmt.Sprintf("the encryption key has %d bytes; it must have 32", n)})
	}
	return problems
}

// compileRules compiles every rule. A pattern that comes twice keeps its first place and has its last callback, as a PHP
// array does.
func compileRules(app *Application) (*rulebook, []Problem) {
	book := &rulebook{app: app}
	compiler := newCompiler(app)
	var problems []Problem
	for _, c := range app.Channels {
		rule, wrong := compiler.channel(c)
		problems = append(problems, wrong...)
		if rule == nil {
			continue
		}
		if at := slices.IndexFunc(book.channels, func(r *channelRule) bool { return r.Pattern == c.Pattern }); at >= 0 {
			book.channels[at] = rule
			continue
		}
		book.channels = append(book.channels, rule)
	}
	resolver := app.Auth.SignIn.Resolver
	if resolver == "" {
		resolver = defaultResolver
	}
	signIn, wrong := compiler.expression(resolver, app.Auth.SignIn.Place, nil)
	book.signIn = signIn
	problems = append(problems, wrong...)
	if len(problems) > 0 {
		return book, problems // a pattern that allows asks for may be one of those that were left out
	}
	return book, book.checkReferences()
}

// checkReferences finds allows(…) of patterns that do not exist or lead back to themselves.
func (book *rulebook) checkReferences() (problems []Problem) {
	const visiting, done = 1, 2
	state := map[*channelRule]int{}
	var path []string
	var visit func(r *channelRule)
	visit = func(r *channelRule) {
		state[r] = visiting
		path = append(path, r.Pattern)
		for _, e := range append([]*expression{r.rule}, r.members...) {
			for _, ref := range e.references {
				next := book.channel(ref.pattern)
				switch {
				case next == nil:
					problems = append(problems, Problem{ref.place, fmt.Sprintf("allows(%q): there is no such pattern", ref.pattern)})
				case len(next.pattern.names) != ref.arguments:
					problems = append(problems, Problem{ref.place, fmt.Sprintf("allows(%q): it has %d placeholders, %d values are given", ref.pattern, len(next.pattern.names), ref.arguments)})
				case state[next] == visiting:
					circle := append(slices.Clone(path[slices.Index(path, next.Pattern):]), next.Pattern)
					problems = append(problems, Problem{ref.place, "a cyclic reference: " + strings.Join(circle, " → ")})
				case state[next] == 0:
					visit(next)
				}
			}
		}
		path = path[:len(path)-1]
		state[r] = done
	}
	for _, r := range book.channels {
		if state[r] == 0 {
			visit(r)
		}
	}
	return problems
}

func (book *rulebook) channel(pattern string) *channelRule {
	for _, r := range book.channels {
		if r.Pattern == pattern {
			return r
		}
	}
	return nil
}

// rules are the compiled rules of a description; those of the last one asked for are kept.
func (b *Backend) rules(app *Application) *rulebook {
	if book := b.compiled.Load(); book != nil && book.app == app {
		return book
	}
	book, problems := compileRules(app)
	for _, p := range problems {
		b.log.Error("a channel rule is left out", "at", p.Place, "problem", p.Message)
	}
	b.compiled.Store(book)
	return book
}

// verdict is what the application says to a user who wants a channel.
type verdict struct {
	status  int    // 200, or what the answer's will be
	message string // of the answer, when it is none of 200
	result  any    // what the rule returned: true, or the member; values of Field.Value
	cause   error  // why it is a 500
	pattern string // of the rule that decided; "" when none did
	passed  string // where none did, the pattern of the last rule that fits and returned nothing or what counts as that
}

// refusal is an error of a rule that has its own status: abort(404, "…").
type refusal struct {
	status  int
	message string
}

func (r *refusal) Error() string { return fmt.Sprintf("the rule answered %d %s", r.status, r.message) }

// errArgument is a value that PHP would not take for a parameter of that type: a TypeError.
var errArgument = errors.New("TypeError")

// authorize decides as Broadcaster::verifyUserCanAccessChannel does: each pattern that fits in order, false is 403 at
// once, what else is falsy goes on to the next, and 403 when nothing said yes.
func (b *Backend) authorize(app *Application, user *User, wireName string) verdict {
	name := laravelName(wireName)
	forbidden := verdict{status: http.StatusForbidden}
	if name == "" || isGuarded(wireName) && user == nil {
		return forbidden
	}
	run := b.newEvaluation(b.rules(app), user)
	for _, rule := range run.book.channels {
		values, fits := rule.pattern.match(name)
		if !fits {
			continue
		}
		if user == nil {
			return verdict{status: http.StatusInternalServerError, message: "Server Error", pattern: rule.Pattern,
				cause: fmt.Errorf("%w: the rule of %s needs a user, and nobody asks", errArgument, rule.Pattern)}
		}
		result, err := run.channel(rule, values)
		if err != nil {
			return b.failed(rule, err)
		}
		if result == false {
			return verdict{status: http.StatusForbidden, pattern: rule.Pattern}
		}
		if truthy(result) {
			return verdict{status: http.StatusOK, result: result, pattern: rule.Pattern}
		}
		forbidden.passed = rule.Pattern
	}
	return forbidden
}

// failed makes a verdict of a rule's error. A value that does not fit a parameter's type is 500 in Laravel and 403 where
// the guide's mistakes are mended (protocol K.9, X16).
func (b *Backend) failed(rule *channelRule, err error) verdict {
	if r, ok := errors.AsType[*refusal](err); ok {
		return verdict{status: r.status, message: r.message, pattern: rule.Pattern}
	}
	if errors.Is(err, errArgument) && b.cfg.Mode == Fixed {
		return verdict{status: http.StatusForbidden, pattern: rule.Pattern, cause: err}
	}
	return verdict{status: http.StatusInternalServerError, message: "Server Error", pattern: rule.Pattern, cause: err}
}
