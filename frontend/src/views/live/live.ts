// What the Live view draws: the rows that pass its filter, kept up incrementally.
import type { Entry } from '../../backend/types';
import { kinds } from '../../state/kinds';
import type { Journal, Row } from '../../state/journal';
import type { ViewState } from '../../state/url';

export type Filter = Pick<ViewState, 'app' | 'show' | 'q'>;

/** Whether an entry passes. Words of q must all occur somewhere in it, in any order and case. */
export function passes(e: Entry, filter: Filter, words: string[]): boolean {
  if (filter.app !== '' && e.app !== '' && e.app !== filter.app) return false;
  if (filter.show === 'events' && !kinds[e.kind].event) return false;
  return words.every((word) => fields(e).some((field) => field.toLowerCase().includes(word)));
}

function fields(e: Entry): string[] {
  return [e.event, e.channel, kinds[e.kind].label, e.socket, e.user, e.note, e.data];
}

export function wordsOf(q: string): string[] {
  return q.toLowerCase().split(/\s+/).filter(Boolean);
}

/** The journal's rows that pass a filter. Only what is new is looked at, unless filter or journal changed shape. */
export class Filtered {
  rows: Row[] = [];
  /** Rows added since the last reset of the count; what "n new" says. */
  added = 0;
  private last = 0;
  private shape = -1;
  private key = '';

  /** Takes in what is new; true when it had to begin again, so that positions mean something else. */
  sync(journal: Journal, filter: Filter): boolean {
    const words = wordsOf(filter.q);
    const key = JSON.stringify([filter.app, filter.show, words]);
    const anew = key !== this.key || journal.shape !== this.shape;
    if (anew) {
      this.rows = [];
      this.last = 0;
      this.key = key;
      this.shape = journal.shape;
    }
    let from = journal.rows.length;
    while (from > 0 && (journal.rows[from - 1]?.seq ?? 0) > this.last) from--;
    for (const row of journal.rows.slice(from)) {
      if (row.kind !== 'gap' && !passes(row, filter, words)) continue;
      this.rows.push(row);
      if (!anew) this.added++;
    }
    this.last = journal.rows.at(-1)?.seq ?? 0;
    return anew;
  }
}

/** Where a number stands among rows, or where it would. */
export function indexOf(rows: readonly Row[], seq: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[middle]?.seq ?? 0) < seq) low = middle + 1;
    else high = middle;
  }
  if (rows[low]?.kind === 'gap' && rows[low + 1]?.seq === seq) return low + 1;
  return low;
}

/** The entry that an arrow key goes to: steps away from the selected one, gaps left out. */
export function step(rows: readonly Row[], seq: number, by: number): number {
  if (rows.length === 0) return 0;
  let at = seq === 0 ? (by < 0 ? rows.length : -1) : indexOf(rows, seq);
  at = Math.max(0, Math.min(rows.length - 1, at + by));
  const row = rows[at];
  if (row?.kind === 'gap') return rows[at + 1]?.seq ?? 0;
  return row?.seq ?? 0;
}
