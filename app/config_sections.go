package app

import "regexp"

// section is one top-level key of echolab.yaml that describes the emulated application.
type section struct {
	name string
	*shape
}

// Sections lists the keys of echolab.yaml that describe the emulated application, in the order of the documents.
func Sections() []Setting {
	out := make([]Setting, len(sections))
	for i, s := range sections {
		out[i] = Setting{Name: s.name, Help: s.help}
	}
	return out
}

func sectionNamed(name string) (section, bool) {
	for _, s := range sections {
		if s.name == name {
			return s, true
		}
	}
	return section{}, false
}

var zero, one = int64(0), int64(1)

// sections are all of them, in the order of the documents.
var sections = []section{
	{"users", aList("The cast: who can log in. The page at /login lists them in this order.", &shape{
		may: mayMapping, needs: [][]string{{"id"}, {"name"}}, rest: anything(""),
		help: "One user. Any further field is there for rules (user.team) and members.",
		keys: []keyed{
			{"id", anID("A number or a text, different for each user.")},
			{"name", aText("As others see it.")},
			{"avatar", orNone(aText("Address of a picture."))},
			{"role", aText("Such as admin or client; rules read it as user.role.")},
			{"clients", aList("Ids of the clients that the user belongs to.", anID(""))},
			{"token", aText("A bearer token; the id is one in any case.")},
			{"broadcast_id", anID("What presence channels know the user by, where that is not the id.")},
		},
	})},
	{"entities", &shape{
		help: "The rows that the application begins with, by the plural of their type: clients, projects, invoices …",
		may:  mayMapping, restLike: regexp.MustCompile(`^[a-z][a-z0-9_]*$`), restMust: "a name in lower case, such as time_entries",
		rest: aList("", &shape{may: mayMapping, needs: [][]string{{"id"}}, keys: []keyed{
			{"id", anID("A number or a text, different for each row of the type.")},
		}, rest: anything("")}),
	}},
	{"channels", aList("Who may enter which channel, as in routes/channels.php: the first pattern that fits and whose rule holds.", &shape{
		may: mayMapping, needs: [][]string{{"pattern"}, {"rule"}},
		keys: []keyed{
			{"pattern", &shape{may: mayText, like: regexp.MustCompile(`.`), must: "a pattern, such as client.{clientId}",
				help: "Without private- or presence-, such as client.{clientId}; a placeholder stops at a dot."}},
			{"params", &shape{may: mayMapping, rest: aText(""), restLike: regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`), restMust: "the name of a placeholder",
				help: "Types of placeholders: int, float, bool, string, or a type of entity (its row, 403 when there is none)."}},
			{"rule", &shape{may: mayText | mayTruth, help: `An expression over user, the placeholders and the entities: user.role == "admin" or int(clientId) in user.clients.`}},
			{"member", &shape{may: mayMapping, rest: &shape{may: mayText | mayWhole | mayNumber | mayTruth},
				help: "What others see of a member of a presence channel: a field and its expression, such as name: user.name."}},
		},
	})},
	{"events", &shape{
		help: "Events by name, beside those of the built-in catalogue or in their place.",
		may:  mayMapping, restLike: regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_\\]*$`), restMust: "the name of a class, such as InvoiceCreated",
		rest: &shape{may: mayMapping, keys: []keyed{
			{"as", orNone(aText("broadcastAs(): the name on the wire; without it App\\Events\\ and the name."))},
			{"channels", aList("Names on the wire, with placeholders: private-client.{clientId}.", aText(""))},
			{"payload", anything("An example that is sent as it is, or a JSON Schema (type: object with properties) that payloads are drawn from.")},
			{"now", aTruth("ShouldBroadcastNow: the queue's delay does not hold it.")},
		}},
	}},
	{"workflows", &shape{
		help: "Notifications that workflows send, by name, in either of the guide's formats.",
		may:  mayMapping, restLike: regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_. -]*$`), restMust: "a name of letters, digits, _, - and dots",
		rest: &shape{may: mayMapping, needs: [][]string{{"recipient_type", "to"}, {"title"}, {"message", "body"}}, keys: []keyed{
			{"recipient_type", &shape{may: mayText, words: []string{"role", "user", "client"}, help: "Who gets it, formal: role, user or client."}},
			{"recipient_role", aText("With role: everyone of this role.")},
			{"recipient_id", anID("With user: the user's id.")},
			{"recipient_client_id", anID("With client: every member of this client.")},
			{"to", anID("Who gets it, simplified: a role, a user's id, user:7 or client:5.")},
			{"title", aText("")},
			{"message", aText("Formal. What is in braces comes from the workflow's data.")},
			{"body", aText("Simplified: the same as message.")},
		}},
	}},
	{"auth", &shape{
		help: "How callers are known and refused. What is left out keeps its default.", may: mayMapping,
		keys: []keyed{
			{"default_user", orNone(anID("Who asks when a request says nothing; without it that is a guest."))},
			{"redirect_guests", aTruth("Send guests to /login with a 302 where Laravel's auth middleware does (default false: 403).")},
			{"origins", aList("Front ends that a browser may call from; http://localhost:* is any port.", aText(""))},
			{"encryption_key", aKey("Master key of encrypted channels, base64 of 32 bytes, or false for none (default: made from the app's secret).")},
			{"sign_in", &shape{may: mayText | mayTruth,
				help: "What /broadcasting/user-auth answers, an expression over user; false: there is no such route (default: id, name and avatar)."}},
		},
	}},
	{"presence", &shape{
		help: "Timing of the application's own presence. What is left out keeps its default.", may: mayMapping,
		keys: []keyed{
			{"ttl", aDuration("How long a heartbeat counts (default 120s).", 1e9)},
			{"sweep", aDuration("How often who is gone is looked for (default 15s).", 1e6)},
		},
	}},
	{"history", &shape{
		help: "How much the application remembers; the oldest goes. What is left out keeps its default.", may: mayMapping,
		keys: []keyed{
			{"activities", &shape{may: mayWhole, least: &one, help: "Lines of the activity feed (default 10000)."}},
			{"versions", &shape{may: mayWhole, least: &one, help: "Changes that GET /api/sync/versions can tell of (default 10000)."}},
		},
	}},
	{"documents", &shape{
		help: "What users do together on a document. What is left out keeps its default.", may: mayMapping,
		keys: []keyed{
			{"lock_ttl", aDuration("How long a field stays locked unless it is locked again (default 60s).", 1e9)},
			{"state_limit", &shape{may: mayWhole, least: &one, help: "Bytes that a document's shared state may have as JSON (default 65536)."}},
		},
	}},
	{"queue", &shape{
		help: "Laravel's queue, as far as broadcasts go through it.", may: mayMapping,
		keys: []keyed{{"delay", aDuration("How long a broadcast lies in the queue before it is sent (default 0s).", 0)}},
	}},
	{"seed", &shape{may: mayWhole, least: &zero, help: "What drawn payloads begin from: the same seed gives the same payloads."}},
}
