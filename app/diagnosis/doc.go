// Package diagnosis answers why a listener did not fire, or who got an event: from the event's entry, who was subscribed to
// what at that moment, and what happened on the channel around it. It reads nothing itself and knows no listener: Echo
// keeps those in the browser, so what depends on them is said with an if. Each cause is a row of a table.
package diagnosis
