// The journal, the status and the feed's state as one thing that components watch.
import { onScopeDispose, shallowRef, type ShallowRef } from 'vue';
import { client } from '../backend/client';
import { follow, type FeedState } from '../backend/feed';
import type { Status } from '../backend/types';
import { Journal, type Gap } from './journal';

export interface Live {
  journal: Journal;
  /** Bumped at most ten times a second when the journal changed. */
  version: ShallowRef<number>;
  /** Bumped once a second: the clock of the tape. */
  tick: ShallowRef<number>;
  status: ShallowRef<Status | undefined>;
  feed: ShallowRef<FeedState>;
  retry(): void;
  /** Loads what a gap left out; throws what the store answered. */
  load(gap: Gap): Promise<void>;
}

const drawEvery = 100; // milliseconds
const statusEvery = 5_000;
const statusSoon = 600; // after somebody came or went

export function useLive(): Live {
  const journal = new Journal();
  const version = shallowRef(0);
  const tick = shallowRef(0);
  const status = shallowRef<Status>();
  const feed = shallowRef<FeedState>({ kind: 'loading' });
  const ended = new AbortController();

  let drawing: ReturnType<typeof setTimeout> | undefined;
  let drawn = 0;
  const draw = () => {
    if (drawing !== undefined) return;
    drawing = setTimeout(() => {
      drawing = undefined;
      drawn = Date.now();
      version.value++;
    }, Math.max(0, drawEvery - (Date.now() - drawn)));
  };

  let asking = false;
  let askAgain: ReturnType<typeof setTimeout> | undefined;
  const askStatus = async () => {
    if (asking || ended.signal.aborted) return;
    asking = true;
    try {
      status.value = await client.status(ended.signal);
    } catch {
      /* the feed says what is wrong */
    } finally {
      asking = false;
    }
  };
  const askSoon = () => {
    askAgain ??= setTimeout(() => {
      askAgain = undefined;
      void askStatus();
    }, statusSoon);
  };

  const following = follow(
    client,
    {
      batch(batch, first) {
        journal.add(batch, first);
        if (first || batch.entries.some((e) => e.kind !== 'published' && e.kind !== 'whispered')) askSoon();
        if (first || batch.entries.length > 0) draw();
      },
      state(state) {
        if (state.kind === 'live' && feed.value.kind === 'away') void askStatus();
        if (state.kind !== 'live' || feed.value.kind !== 'live') feed.value = state;
      },
    },
    ended.signal,
  );
  void askStatus();
  const statusTimer = setInterval(() => void askStatus(), statusEvery);
  const tickTimer = setInterval(() => tick.value++, 1000);

  onScopeDispose(() => {
    ended.abort();
    clearInterval(statusTimer);
    clearInterval(tickTimer);
    clearTimeout(drawing);
    clearTimeout(askAgain);
  });

  return {
    journal,
    version,
    tick,
    status,
    feed,
    retry: following.retry,
    async load(gap) {
      let page = await client.entries(gap.seq, 500);
      while (page.entries.length === 0 && page.more) page = await client.entries(page.next, 500); // it looks a while at a time
      journal.fill(gap, page.entries);
      version.value++;
    },
  };
}
