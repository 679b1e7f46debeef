// Package store keeps the journal on disk: SQLite, one file an app (or one for all), written by one process.
//
// It follows a journal as a must-follower: a batch of entries becomes one transaction, and only then does the journal
// call the batch settled. So an acknowledged publish survives a kill -9 of the process (WAL with synchronous=NORMAL:
// the operating system has the data at commit). A power failure may take the last moments, never the file.
//
// The same transaction keeps the projections: who is present (user_presence) and who was connected or subscribed when
// (sessions, subscriptions). What was still open when a process was killed is ended when the file is opened again.
//
// Beside the journal it keeps the rows of the emulated back end (Backend): JSON objects in tables whose columns SQLite reads
// from them. They are written when they change, by the same connection and with the same words about trouble.
//
// Reading is fast on a million entries whatever it is asked for (BenchmarkMillion), through a search index that a goroutine
// fills behind the writer, block by block; what it has not come to yet is read row by row. A
// page ends after 25 ms of looking and says where to go on (Page.More), and searches by text have a reader of their own, so
// that nothing waits long for anything. The same goroutine applies
// the retention, in slices between batches, and leaves alone what Keep names.
//
// A store that cannot write, or whose file is deleted, replaced or overwritten by others, says so once, gives up being waited for, keeps trying, and says what was lost when it is
// back; nobody's delivery ever waits for it beyond that. It decides nothing about the entries: those flow in from the
// journal and out through Entries, Presence, Who and Moment.
package store
