// What happened, as far as this page knows: a plain array outside Vue's reactivity, and the seconds of the tape.
import type { Entry, Feed } from '../backend/types';

/** Entries that are not here: lost by the ring, or from before the page was opened. They lie before seq. */
export interface Gap {
  kind: 'gap';
  /** The first entry after the gap. */
  seq: number;
  /** How many are missing. */
  lost: number;
}

export type Row = Entry | Gap;

/** One second of the tape. */
export interface Second {
  delivered: number;
  nobody: number;
  refused: number;
  /** Sockets and members that came or went. */
  moves: number;
}

export const keep = 20_000;
const slack = 2_000; // trimming moves the whole array: not for every entry
const tapeSeconds = 600;

export class Journal {
  /** Oldest first. Grown in place; replaced whenever something else than growing happens, see shape. */
  rows: Row[] = [];
  /** Changes when rows did anything but grow. */
  shape = 0;
  /** The newest entry's number. */
  last = 0;
  /** The server's clock minus ours, in milliseconds. */
  skew = 0;
  private readonly seconds = new Map<number, Second>();

  /** Takes a batch of the feed. first: it is the newest part, perhaps of another run of the server. */
  add(feed: Feed, first: boolean): void {
    this.skew = Date.parse(feed.now) - Date.now();
    const begin = feed.entries[0];
    const known = begin && this.find(begin.seq);
    if (first && (feed.next < this.last || (known && known.id !== begin.id))) this.reset(); // another database
    if (first && this.rows.length === 0 && begin && begin.seq > 1) this.push({ kind: 'gap', seq: begin.seq, lost: begin.seq - 1 });
    else if (begin && this.last > 0 && begin.seq > this.last + 1) this.push({ kind: 'gap', seq: begin.seq, lost: begin.seq - this.last - 1 });
    if (!begin && first && this.rows.length === 0 && feed.next > 0) this.push({ kind: 'gap', seq: feed.next + 1, lost: feed.next });
    for (const entry of feed.entries) {
      if (entry.seq <= this.last) continue;
      this.last = entry.seq;
      this.push(entry);
      this.fold(entry);
    }
    this.last = Math.max(this.last, feed.next);
    if (this.rows.length > keep + slack) this.trim();
  }

  /** Puts entries from the store, oldest first, where a gap was. What is still missing stays a gap. */
  fill(gap: Gap, entries: Entry[]): void {
    const at = this.rows.indexOf(gap);
    if (at < 0) return;
    const known = this.rows[at - 1];
    const fresh = entries.filter((e) => e.seq < gap.seq && (!known || e.seq > known.seq));
    const left = fresh.length === 0 ? 0 : Math.max(0, gap.lost - fresh.length);
    const rest: Row[] = left > 0 && fresh[0] ? [{ kind: 'gap', seq: fresh[0].seq, lost: left }] : [];
    this.rows = [...this.rows.slice(0, at), ...rest, ...fresh, ...this.rows.slice(at + 1)];
    this.shape++;
  }

  /** The entry or gap with a number, by bisection. */
  find(seq: number): Entry | undefined {
    let low = 0;
    let high = this.rows.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const row = this.rows[middle];
      if (!row) return undefined;
      if (row.seq === seq && row.kind !== 'gap') return row;
      if (row.seq < seq || (row.seq === seq && row.kind === 'gap')) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }

  /** The server's clock now, in milliseconds. */
  now(): number {
    return Date.now() + this.skew;
  }

  /** The last count seconds, oldest first, the one that is running last. */
  tape(count: number): Second[] {
    const end = Math.floor(this.now() / 1000);
    return Array.from({ length: count }, (_, i) => this.seconds.get(end - count + 1 + i) ?? nothing);
  }

  /** Events a second, over the last three whole seconds. */
  rate(): number {
    const recent = this.tape(4).slice(0, 3);
    return recent.reduce((sum, s) => sum + s.delivered + s.nobody, 0) / 3;
  }

  private push(row: Row): void {
    this.rows.push(row);
  }

  private fold(e: Entry): void {
    const second = Math.floor(Date.parse(e.at) / 1000);
    let s = this.seconds.get(second);
    if (!s) {
      s = { delivered: 0, nobody: 0, refused: 0, moves: 0 };
      this.seconds.set(second, s);
      const oldest = this.seconds.keys().next().value;
      if (this.seconds.size > tapeSeconds && oldest !== undefined) this.seconds.delete(oldest);
    }
    switch (e.kind) {
      case 'published':
      case 'whispered':
        if (e.delivered) s.delivered++;
        else s.nobody++;
        break;
      case 'refused':
      case 'trouble':
        s.refused++;
        break;
      case 'subscribed':
      case 'unsubscribed':
      case 'opened':
      case 'closed':
      case 'joined':
      case 'left':
        s.moves++;
        break;
    }
  }

  private trim(): void {
    const kept = this.rows.slice(-keep);
    if (kept[0]?.kind === 'gap') kept.shift();
    const oldest = kept[0];
    this.rows = oldest && oldest.seq > 1 ? [{ kind: 'gap', seq: oldest.seq, lost: oldest.seq - 1 }, ...kept] : kept;
    this.shape++;
  }

  private reset(): void {
    this.rows = [];
    this.last = 0;
    this.seconds.clear();
    this.shape++;
  }
}

const nothing: Second = { delivered: 0, nobody: 0, refused: 0, moves: 0 };
