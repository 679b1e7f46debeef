// Package metrics counts what happens, for Prometheus. Nothing of it is on the way of an event to its subscribers: the
// counters come from following the journal, gauges are read when somebody asks, and the two histograms are told how long
// something took after it was done.
//
// Journal entries, durations and Readings come in; the text of /metrics goes out.
package metrics
