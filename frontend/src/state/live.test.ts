import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { effectScope } from 'vue';
import { Away, client } from '../backend/client';
import type { Feed, Status } from '../backend/types';
import { useLive } from './live';
import { entry, feed } from './samples';

const status: Status = {
  version: '0.1.0', started_at: '', profile: 'reverb', ui: '', last_seq: 0, apps: [], warnings: [], store: { state: 'ok', path: '', error: '' },
  server: { host: '127.0.0.1', port: 8080, path: '', hostname: '', scheme: 'http', url: '', reachable_from_network: false },
};

/** A live page whose feed is answered by hand, and counts of what it asked for. */
function start() {
  const asked = { status: 0 };
  let answer: ((f: Feed) => void) | undefined;
  let fail: ((e: Error) => void) | undefined;
  vi.spyOn(client, 'status').mockImplementation(() => (asked.status++, Promise.resolve({ ...status, version: `${asked.status}` })));
  vi.spyOn(client, 'feed').mockImplementation((_after, _wait, signal) => new Promise((done, no) => {
    [answer, fail] = [done, no];
    signal?.addEventListener('abort', () => no(new Error('aborted')));
  }));
  const scope = effectScope();
  const live = scope.run(useLive);
  if (!live) throw new Error('no scope');
  const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms);
  return {
    live, asked, scope, settle,
    answer: async (f: Feed) => (answer?.(f), settle()),
    fail: async (e: Error) => (fail?.(e), settle()),
  };
}

describe('useLive', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it('draws at most ten times a second, however much arrives', async () => {
    const { live, answer, settle, scope } = start();
    await answer(feed([entry(1)]));
    await settle(100);
    const drawn = live.version.value;
    for (let seq = 2; seq <= 100; seq++) {
      await answer(feed([entry(seq)]));
      await settle(10); // a second in all
    }
    await settle(100);
    expect(live.version.value - drawn).toBeGreaterThanOrEqual(9);
    expect(live.version.value - drawn).toBeLessThanOrEqual(11);
    expect(live.journal.last).toBe(100);
    const quiet = live.version.value;
    await answer(feed([], { next: 100 }));
    await settle(500);
    expect(live.version.value).toBe(quiet);
    scope.stop();
  });

  it('draws the first batch even when it is empty', async () => {
    const { live, answer, settle, scope } = start();
    await answer(feed([]));
    await settle(100);
    expect(live.version.value).toBe(1);
    expect(live.feed.value.kind).toBe('live');
    scope.stop();
  });

  it('asks for the status at once, every five seconds, and soon after somebody came or went', async () => {
    const { live, answer, asked, settle, scope } = start();
    await settle();
    expect([asked.status, live.status.value?.version]).toEqual([1, '1']);
    await answer(feed([]));
    await settle(600);
    expect(asked.status).toBe(2);
    await answer(feed([entry(1)], { next: 1 }));
    await settle(1000);
    expect(asked.status, 'an event changes no count').toBe(2);
    await answer(feed([entry(2, { kind: 'joined' })]));
    await answer(feed([entry(3, { kind: 'left' })]));
    await settle(599);
    expect(asked.status).toBe(2);
    await settle(1);
    expect(asked.status, 'once for both').toBe(3);
    await settle(5000);
    expect(asked.status).toBe(4);
    scope.stop();
  });

  it('asks for the status when the server is back', async () => {
    const { live, answer, fail, asked, settle, scope } = start();
    await answer(feed([entry(1)]));
    await settle(700);
    const before = asked.status;
    await fail(new Away('no answer'));
    expect(live.feed.value).toMatchObject({ kind: 'away', reason: 'no answer' });
    await settle(500);
    await answer(feed([], { next: 1 }));
    expect(live.feed.value).toEqual({ kind: 'live' });
    expect(asked.status).toBe(before + 1);
    scope.stop();
  });

  it('keeps the last status while there is none', async () => {
    const { live, settle, scope } = start();
    await settle();
    vi.mocked(client.status).mockRejectedValue(new Away('no answer'));
    await settle(5000);
    expect(live.status.value?.version).toBe('1');
    scope.stop();
  });

  it('ticks once a second', async () => {
    const { live, settle, scope } = start();
    await settle(3000);
    expect(live.tick.value).toBe(3);
    scope.stop();
  });

  it('loads what a gap left out, and draws it', async () => {
    const { live, answer, settle, scope } = start();
    await answer(feed([entry(11)]));
    await settle(100);
    const gap = live.journal.rows[0];
    if (gap?.kind !== 'gap') throw new Error('no gap');
    const entries = vi.spyOn(client, 'entries').mockResolvedValueOnce({ entries: [], more: true, next: 10 }).mockResolvedValue({ entries: [entry(8), entry(9)], more: true, next: 8 });
    const before = live.version.value;
    await live.load(gap);
    expect(entries.mock.calls, 'on from where it stopped').toEqual([[11, 500], [10, 500]]);
    expect(live.journal.rows.map((r) => r.seq)).toEqual([8, 8, 9, 11]);
    expect(live.version.value).toBe(before + 1);
    entries.mockRejectedValue(new Away('no answer'));
    await expect(live.load(gap)).rejects.toThrow('no answer');
    scope.stop();
  });

  it('ends with its scope', async () => {
    const { live, answer, asked, settle, scope } = start();
    await answer(feed([entry(1)]));
    scope.stop();
    const [status, ticks, drawn] = [asked.status, live.tick.value, live.version.value];
    await settle(20_000);
    expect([asked.status, live.tick.value, live.version.value]).toEqual([status, ticks, drawn]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
