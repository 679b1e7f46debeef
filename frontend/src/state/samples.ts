// Entries and batches for tests.
import type { Entry, Feed } from '../backend/types';

export function entry(seq: number, over: Partial<Entry> = {}): Entry {
  return {
    seq, id: `id-${seq}`, at: '2026-01-05T12:04:09.318000Z', kind: 'published', source: 'http', app: 'a', socket: '', channel: 'c',
    event: `e${seq}`, user: '', data: '{}', count: 1, bytes: 2, delivered: true, note: '', ...over,
  };
}

export function feed(entries: Entry[], over: Partial<Feed> = {}): Feed {
  return { entries, next: entries.at(-1)?.seq ?? 0, lost: 0, epoch: 'one', now: new Date().toISOString(), ...over };
}
