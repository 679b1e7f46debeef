// Follows the journal by asking again and again for what is new (app/api/feed.go says why not a socket).
import { Refused, type Client } from './client';
import type { Feed } from './types';

export type FeedState =
  | { kind: 'loading' }
  | { kind: 'live' }
  | { kind: 'away'; reason: string; retryAt: number }
  | { kind: 'refused'; reason: string };

export interface Follower {
  /** A batch; first is true for the one that a page starts with and after another run of the server was met. */
  batch(feed: Feed, first: boolean): void;
  state(state: FeedState): void;
}

const waits = [500, 1000, 2000, 4000, 5000]; // milliseconds before the next try

/** Runs until signal ends. retry() cuts a wait short. */
export function follow(client: Pick<Client, 'feed'>, to: Follower, signal: AbortSignal): { retry(): void } {
  let wake = () => {};
  let after: number | undefined;
  let epoch = '';
  let failures = 0;

  const pause = (ms: number) =>
    new Promise<void>((done) => {
      const timer = setTimeout(done, ms);
      wake = () => {
        clearTimeout(timer);
        done();
      };
    });

  async function run() {
    to.state({ kind: 'loading' });
    while (!signal.aborted) {
      try {
        // After a failure nothing is waited for: the page wants to know at once whether the server is back, and which run.
        const feed = await client.feed(after, failures > 0 ? '0s' : '15s', signal);
        if (signal.aborted) return;
        if (after !== undefined && feed.epoch !== epoch) {
          after = undefined; // another run of the server: begin again with its newest
          continue;
        }
        const first = after === undefined;
        epoch = feed.epoch;
        after = feed.next;
        failures = 0;
        to.batch(feed, first);
        to.state({ kind: 'live' });
      } catch (error) {
        if (signal.aborted) return;
        const ms = waits[Math.min(failures++, waits.length - 1)] ?? 5000;
        const reason = error instanceof Error ? error.message : String(error);
        to.state(error instanceof Refused ? { kind: 'refused', reason } : { kind: 'away', reason, retryAt: Date.now() + ms });
        await pause(ms);
      }
    }
  }
  void run();
  signal.addEventListener('abort', () => wake());
  return { retry: () => wake() };
}
