import { describe, expect, it } from 'vitest';
import { entry, feed } from '../../state/samples';
import { Journal } from '../../state/journal';
import { Filtered, indexOf, passes, step, wordsOf } from './live';

const all = { app: '', show: 'all' as const, q: '' };

describe('passes', () => {
  const e = entry(1, { channel: 'private-client.5', event: 'InvoiceCreated', data: '{"id":42}', note: 'Nobody' });
  it.each([
    ['', true], ['invoice', true], ['CLIENT.5 invoice', true], ['"id":42', true], ['event', true], ['invoice ticket', false],
  ])('%s', (q, want) => expect(passes(e, { ...all, q }, wordsOf(q))).toBe(want));

  it('keeps what belongs to no application', () => {
    expect(passes(entry(1, { app: '' }), { ...all, app: 'x' }, [])).toBe(true);
    expect(passes(entry(1, { app: 'y' }), { ...all, app: 'x' }, [])).toBe(false);
  });

  it('counts refusals and trouble as events', () => {
    const events = { ...all, show: 'events' as const };
    const kinds = (['published', 'whispered', 'refused', 'trouble', 'opened', 'joined', 'webhook'] as const).filter((kind) => passes(entry(1, { kind }), events, []));
    expect(kinds).toEqual(['published', 'whispered', 'refused', 'trouble']);
  });
});

describe('Filtered', () => {
  it('takes in what is new and counts it', () => {
    const j = new Journal();
    const f = new Filtered();
    j.add(feed([entry(1), entry(2, { kind: 'opened' })]), true);
    expect(f.sync(j, { ...all, show: 'events' })).toBe(true);
    j.add(feed([entry(3), entry(4, { kind: 'closed' }), entry(5)]), false);
    expect(f.sync(j, { ...all, show: 'events' })).toBe(false);
    expect(f.rows.map((r) => r.seq)).toEqual([1, 3, 5]);
    expect(f.added).toBe(2);
    expect(f.sync(j, all)).toBe(true);
    expect(f.rows.map((r) => r.seq)).toEqual([1, 2, 3, 4, 5]);
  });

  it('looks at 20,000 rows once, not at every beat', () => {
    const j = new Journal();
    const f = new Filtered();
    let looked = 0;
    const watched = (seq: number) => Object.defineProperty(entry(seq), 'event', { get: () => (looked++, 'e') });
    j.add(feed(Array.from({ length: 20_000 }, (_, i) => watched(i + 1))), true);
    f.sync(j, { ...all, q: 'e' });
    looked = 0;
    j.add(feed([watched(20_001)]), false);
    f.sync(j, { ...all, q: 'e' });
    expect(looked).toBe(1);
    expect(f.rows).toHaveLength(20_001);
  });
});

describe('step', () => {
  const gap = { kind: 'gap' as const, seq: 10, lost: 9 };
  const rows = [gap, entry(10), entry(12), entry(15)];
  it.each([
    [0, 1, 10], [0, -1, 15], [10, 1, 12], [12, -1, 10], [10, -1, 10], [15, 1, 15], [12, 100, 15], [12, -100, 10],
  ])('from %i by %i to %i', (from, by, to) => expect(step(rows, from, by)).toBe(to));

  it('finds places', () => {
    expect([10, 12, 13, 99].map((seq) => indexOf(rows, seq))).toEqual([1, 2, 3, 4]);
    expect(step([], 0, 1)).toBe(0);
  });
});
