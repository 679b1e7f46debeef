import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { feed, entry } from '../state/samples';
import { Away, Refused, client } from './client';
import { follow, type FeedState } from './feed';
import type { Feed } from './types';

type Answer = Feed | Error;

/** Plays answers one after the other, then waits for ever. */
function play(answers: Answer[]) {
  const asked: (number | undefined)[] = [];
  const waits: string[] = [];
  const batches: [number[], boolean][] = [];
  const states: FeedState[] = [];
  const ended = new AbortController();
  const fake = {
    feed: (after: number | undefined, wait: string, signal?: AbortSignal) => {
      asked.push(after);
      waits.push(wait);
      const answer = answers.shift();
      if (answer instanceof Error) return Promise.reject(answer);
      if (answer) return Promise.resolve(answer);
      return new Promise<Feed>((_, no) => signal?.addEventListener('abort', () => no(new Error('aborted'))));
    },
  };
  const handle = follow(fake, { batch: (f, first) => batches.push([f.entries.map((e) => e.seq), first]), state: (s) => states.push(s) }, ended.signal);
  return { asked, waits, batches, states, ended, handle };
}

describe('follow', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('asks on from where it is', async () => {
    const p = play([feed([entry(1)]), feed([entry(2), entry(3)]), feed([], { next: 3 })]);
    await vi.advanceTimersByTimeAsync(0);
    expect(p.asked).toEqual([undefined, 1, 3, 3]);
    expect(p.batches).toEqual([[[1], true], [[2, 3], false], [[], false]]);
  });

  it('says that the server is away, waits longer each time, and recovers', async () => {
    const p = play([feed([entry(1)]), new Away('no answer'), new Away('no answer'), feed([entry(2)])]);
    await vi.advanceTimersByTimeAsync(0);
    expect(p.states.at(-1)).toMatchObject({ kind: 'away', reason: 'no answer' });
    await vi.advanceTimersByTimeAsync(500);
    expect(p.asked).toEqual([undefined, 1, 1]);
    await vi.advanceTimersByTimeAsync(999);
    expect(p.asked).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(1);
    expect(p.states.at(-1)).toEqual({ kind: 'live' });
    expect(p.batches.at(-1)).toEqual([[2], false]);
    expect(p.waits).toEqual(['15s', '15s', '0s', '0s', '15s']);
  });

  it('tries at once when told to', async () => {
    const p = play([new Away('x'), new Away('x'), new Away('x'), feed([entry(1)])]);
    await vi.advanceTimersByTimeAsync(1500);
    expect(p.asked).toHaveLength(3);
    p.handle.retry();
    await vi.advanceTimersByTimeAsync(0);
    expect(p.states.at(-1)).toEqual({ kind: 'live' });
  });

  it('begins again with another run of the server', async () => {
    const p = play([feed([entry(9)]), feed([], { next: 2, epoch: 'two' }), feed([entry(1), entry(2)], { epoch: 'two' })]);
    await vi.advanceTimersByTimeAsync(0);
    expect(p.asked).toEqual([undefined, 9, undefined, 2]);
    expect(p.batches).toEqual([[[9], true], [[1, 2], true]]);
  });

  it('passes a refusal on in the server’s words', async () => {
    const p = play([new Refused(401, { code: 'token_needed', message: 'The token, please.' })]);
    await vi.advanceTimersByTimeAsync(0);
    expect(p.states.at(-1)).toEqual({ kind: 'refused', reason: 'The token, please.' });
  });

  it('stops for good', async () => {
    const p = play([new Away('x')]);
    await vi.advanceTimersByTimeAsync(0);
    p.ended.abort();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(p.asked).toHaveLength(1);
  });
});

describe('client', () => {
  afterEach(() => void vi.unstubAllGlobals());
  const answers = (status: number, body: string) => vi.stubGlobal('fetch', () => Promise.resolve(new Response(body, { status })));

  it('tells a refusal from a server that is away', async () => {
    answers(403, '{"code":"foreign_host","message":"Not by that name."}');
    await expect(client.status()).rejects.toEqual(new Refused(403, { code: 'foreign_host', message: 'Not by that name.' }));
    answers(503, '{"code":"stopping","message":"The server is stopping."}');
    await expect(client.feed(1, '1s')).rejects.toBeInstanceOf(Away);
    answers(502, '<html>proxy</html>');
    await expect(client.status()).rejects.toBeInstanceOf(Away);
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')));
    await expect(client.status()).rejects.toBeInstanceOf(Away);
  });

  it('asks for a secret as the page', async () => {
    const fetch = vi.fn((_path: string, _init: RequestInit) => Promise.resolve(new Response('{"secret":"s"}')));
    vi.stubGlobal('fetch', fetch);
    expect(await client.secret('a/b')).toBe('s');
    expect(fetch.mock.calls[0]?.[0]).toBe('/api/apps/a%2Fb/secret');
    expect(fetch.mock.calls[0]?.[1].headers).toMatchObject({ 'X-Echolab-Page': '1' });
  });
});
