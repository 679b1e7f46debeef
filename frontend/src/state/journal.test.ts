import { describe, expect, it, vi } from 'vitest';
import type { Entry, Kind } from '../backend/types';
import { Journal, keep } from './journal';
import { entry, feed } from './samples';

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => entry(from + i));
const shape = (j: Journal) => j.rows.map((r) => (r.kind === 'gap' ? `gap ${r.lost}` : r.seq));

describe('Journal', () => {
  it('starts with what is there and says what came before', () => {
    const j = new Journal();
    j.add(feed(range(11, 13)), true);
    j.add(feed(range(14, 14)), false);
    expect(shape(j)).toEqual(['gap 10', 11, 12, 13, 14]);
  });

  it('shows what was lost where it was lost', () => {
    const j = new Journal();
    j.add(feed(range(1, 2)), true);
    j.add(feed(range(8, 9), { lost: 5 }), false);
    expect(shape(j)).toEqual([1, 2, 'gap 5', 8, 9]);
  });

  it('shows that a single one is missing', () => {
    const j = new Journal();
    j.add(feed(range(2, 2)), true);
    j.add(feed(range(4, 4)), false);
    expect(shape(j)).toEqual(['gap 1', 2, 'gap 1', 4]);
    const k = new Journal();
    k.add(feed(range(1, 1)), true);
    k.add(feed(range(3, 3)), false);
    expect(shape(k)).toEqual([1, 'gap 1', 3]);
  });

  it('keeps a gap of a single one', () => {
    const j = new Journal();
    j.add(feed(range(4, 4)), true);
    const gap = j.rows[0];
    if (gap?.kind !== 'gap') throw new Error('no gap');
    j.fill(gap, range(2, 3));
    expect(shape(j)).toEqual(['gap 1', 2, 3, 4]);

    const k = new Journal();
    k.add(feed(range(4, 4)), true);
    const three = k.rows[0];
    if (three?.kind !== 'gap') throw new Error('no gap');
    k.fill(three, range(3, 3));
    expect(shape(k)).toEqual(['gap 2', 3, 4]);
  });

  it('takes nothing twice when a page starts again', () => {
    const j = new Journal();
    j.add(feed(range(1, 5)), true);
    j.add(feed(range(3, 7)), true);
    expect(shape(j)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it('starts over when the numbers did', () => {
    const j = new Journal();
    j.add(feed(range(1, 50)), true);
    j.add(feed(range(1, 2), { epoch: 'two' }), true);
    expect(shape(j)).toEqual([1, 2]);

    const more = range(1, 60).map((e) => ({ ...e, id: `other-${e.seq}` }));
    j.add(feed(more, { epoch: 'three' }), true);
    expect(j.rows).toHaveLength(60);
  });

  it('shows that there is a past after a restart with nothing new', () => {
    const j = new Journal();
    j.add(feed([], { next: 1000 }), true);
    expect(j.rows).toEqual([{ kind: 'gap', seq: 1001, lost: 1000 }]);
    j.add(feed(range(1001, 1001)), false);
    expect(shape(j)).toEqual(['gap 1000', 1001]);
  });

  it('fills a gap from the store and keeps what is still missing', () => {
    const j = new Journal();
    j.add(feed(range(101, 102)), true);
    const gap = j.rows[0];
    if (gap?.kind !== 'gap') throw new Error('no gap');
    j.fill(gap, range(91, 100));
    expect(shape(j)).toEqual(['gap 90', ...range(91, 102).map((e) => e.seq)]);
    const rest = j.rows[0];
    if (rest?.kind !== 'gap') throw new Error('no gap');
    j.fill(rest, range(1, 90));
    expect(j.rows).toHaveLength(102);
    expect(shape(j)[0]).toBe(1);
  });

  it('drops a gap that the store cannot fill', () => {
    const j = new Journal();
    j.add(feed(range(101, 101)), true);
    const gap = j.rows[0];
    if (gap?.kind !== 'gap') throw new Error('no gap');
    j.fill(gap, []);
    expect(shape(j)).toEqual([101]);
  });

  it('keeps the newest 20,000 and says that there was more', () => {
    const j = new Journal();
    for (let at = 0; at < 30_000; at += 500) j.add(feed(range(at + 1, at + 500)), at === 0);
    expect(j.rows.length).toBeLessThanOrEqual(keep + 2_001);
    const first = j.rows[0];
    expect(first?.kind).toBe('gap');
    expect(first?.kind === 'gap' && first.lost).toBe(30_000 - j.rows.length + 1);
    expect(j.find(30_000)?.event).toBe('e30000');
    expect(j.find(1)).toBeUndefined();
  });

  it('finds the entry behind a gap of the same number', () => {
    const j = new Journal();
    j.add(feed(range(11, 13)), true);
    for (const seq of [11, 12, 13]) expect(j.find(seq)?.seq).toBe(seq);
    expect(j.find(10)).toBeUndefined();

    const k = new Journal();
    k.add(feed(range(1, 2)), true);
    k.add(feed(range(4, 5)), false);
    for (const seq of [1, 2, 4, 5]) expect(k.find(seq)?.seq).toBe(seq);
    expect(k.find(3)).toBeUndefined();
  });

  it('counts seconds by the server’s clock', () => {
    const server = Date.now() - 3_600_000; // an hour behind this machine
    const at = (ago: number) => new Date(server - ago * 1000).toISOString();
    const j = new Journal();
    j.add(feed([
      entry(1, { at: at(2) }), entry(2, { at: at(2), delivered: false, count: 0 }), entry(3, { at: at(2), kind: 'refused' }),
      entry(4, { at: at(1), kind: 'joined' }), entry(5, { at: at(900) }),
    ], { now: new Date(server).toISOString() }), true);
    const tape = j.tape(5);
    const sum = tape.reduce((a, s) => ({ delivered: a.delivered + s.delivered, nobody: a.nobody + s.nobody, refused: a.refused + s.refused, moves: a.moves + s.moves }));
    expect(sum).toEqual({ delivered: 1, nobody: 1, refused: 1, moves: 1 });
    expect(j.rate()).toBeCloseTo(2 / 3);
  });

  it('counts what each kind is on the tape', () => {
    const at = new Date(Date.now() - 2000).toISOString();
    const kindsOf: [Kind, Partial<Entry>, string][] = [
      ['published', {}, 'delivered'], ['whispered', {}, 'delivered'], ['published', { delivered: false }, 'nobody'], ['whispered', { delivered: false }, 'nobody'],
      ['refused', {}, 'refused'], ['trouble', {}, 'refused'], ['opened', {}, 'moves'], ['closed', {}, 'moves'], ['subscribed', {}, 'moves'],
      ['unsubscribed', {}, 'moves'], ['joined', {}, 'moves'], ['left', {}, 'moves'], ['started', {}, ''], ['stopped', {}, ''], ['signed_in', {}, ''], ['webhook', {}, ''],
      ['configured', {}, ''],
    ];
    for (const [kind, over, counts] of kindsOf) {
      const j = new Journal();
      j.add(feed([entry(1, { kind, at, ...over })]), true);
      const counted = j.tape(5).flatMap((s) => Object.entries(s).filter(([, n]) => n > 0));
      expect(counted, kind).toEqual(counts ? [[counts, 1]] : []);
    }
  });

  it('has the running second at the end of the tape, and leaves it out of the rate', () => {
    vi.useFakeTimers({ now: 1_800_000_000_500 });
    try {
      const j = new Journal();
      const at = (ago: number) => new Date(Date.now() - ago * 1000).toISOString();
      j.add(feed([entry(1, { at: at(4) }), entry(2, { at: at(3) }), entry(3, { at: at(1) }), entry(4, { at: at(0) }), entry(5, { at: at(0) })]), true);
      expect(j.tape(5).map((s) => s.delivered)).toEqual([1, 1, 0, 1, 2]);
      expect(j.rate()).toBeCloseTo(2 / 3);
      expect(j.tape(2)).toHaveLength(2);
    } finally {
      vi.useRealTimers();
    }
  });

  it('remembers ten minutes of the tape', () => {
    const j = new Journal();
    const start = Date.now();
    j.add(feed(Array.from({ length: 700 }, (_, i) => entry(i + 1, { at: new Date(start - (700 - i) * 1000).toISOString() }))), true);
    expect(j.tape(700).filter((s) => s.delivered > 0)).toHaveLength(600);
    expect(j.tape(601).filter((s) => s.delivered > 0)).toHaveLength(600);
  });

  it('grows in place, and tells when it did anything else', () => {
    const j = new Journal();
    j.add(feed(range(11, 12)), true);
    const { rows, shape: before } = j;
    j.add(feed(range(13, 13)), false);
    expect([j.rows === rows, j.shape, j.last]).toEqual([true, before, 13]);
    const gap = j.rows[0];
    if (gap?.kind !== 'gap') throw new Error('no gap');
    j.fill(gap, range(1, 10));
    expect(j.shape).toBe(before + 1);
    j.fill(gap, range(1, 10)); // it is gone
    expect([j.rows.length, j.shape]).toEqual([13, before + 1]);
    j.add(feed(range(1, 2)), true);
    expect(j.shape).toBe(before + 2);
  });

  it('fills a gap in the middle with what belongs there alone', () => {
    const j = new Journal();
    j.add(feed(range(1, 3)), true);
    j.add(feed(range(8, 9)), false);
    const gap = j.rows[3];
    if (gap?.kind !== 'gap') throw new Error('no gap');
    j.fill(gap, range(2, 9));
    expect(shape(j)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('goes on from where an empty answer says', () => {
    const j = new Journal();
    j.add(feed(range(1, 2)), true);
    j.add(feed([], { next: 5 }), false);
    j.add(feed(range(6, 6)), false);
    expect([shape(j), j.last]).toEqual([[1, 2, 6], 6]);
  });

  it('forgets the tape of another database', () => {
    const j = new Journal();
    const at = new Date().toISOString();
    j.add(feed([entry(1, { at }), entry(2, { at })]), true);
    j.add(feed([entry(1, { at, id: 'other' })]), true);
    expect(j.tape(3).reduce((n, s) => n + s.delivered, 0)).toBe(1);
  });
});
