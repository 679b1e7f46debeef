// Each kind of entry in one table: its label, its tone and what it says. A new kind does not compile until it is here.
import type { Entry, Kind, Source } from '../backend/types';

export type Tone = 'event' | 'people' | 'socket' | 'server' | 'bad';

interface KindRow {
  label: string;
  tone: Tone;
  /** Shown under "Events only". */
  event: boolean;
  /** One sentence; the event's own kinds show name and payload instead, and this in the detail. */
  tell(e: Entry): string;
}

export const kinds: Record<Kind, KindRow> = {
  started: { label: 'server up', tone: 'server', event: false, tell: (e) => (e.note ? `Listening on ${e.note}` : 'The server came up') },
  stopped: { label: 'server down', tone: 'server', event: false, tell: () => 'The server went down' },
  opened: { label: 'connected', tone: 'socket', event: false, tell: (e) => `Socket ${e.socket}${e.note ? ` from ${e.note}` : ''}` },
  closed: {
    label: 'gone',
    tone: 'socket',
    event: false,
    tell: (e) => `Socket ${e.socket}${e.note ? `: ${e.note}` : ''}${e.count > 0 ? `, ${size(e.count)} still waiting for it` : ''}`,
  },
  subscribed: {
    label: 'subscribed',
    tone: 'socket',
    event: false,
    tell: (e) => `Socket ${e.socket}${e.user ? `, user ${e.user}` : ''} · ${many(e.count, 'subscriber')} now`,
  },
  unsubscribed: {
    label: 'unsubscribed',
    tone: 'socket',
    event: false,
    tell: (e) => `Socket ${e.socket} · ${many(e.count, 'subscriber')} left`,
  },
  joined: { label: 'joined', tone: 'people', event: false, tell: (e) => `User ${e.user} · ${many(e.count, 'member')} now` },
  left: { label: 'left', tone: 'people', event: false, tell: (e) => `User ${e.user} · ${many(e.count, 'member')} left` },
  published: { label: 'event', tone: 'event', event: true, tell: delivery },
  whispered: { label: 'whisper', tone: 'event', event: true, tell: delivery },
  refused: { label: 'refused', tone: 'bad', event: true, tell: (e) => [e.event, e.note].filter(Boolean).join(': ') + (e.user ? ` (user ${e.user})` : '') },
  signed_in: { label: 'signed in', tone: 'people', event: false, tell: (e) => `Socket ${e.socket} is user ${e.user}` },
  webhook: {
    label: 'webhook',
    tone: 'server',
    event: false,
    tell: (e) => `${[e.event, e.note].filter(Boolean).join(': ')}${e.count > 1 ? ` · ${e.count} attempts` : ''}`,
  },
  trouble: { label: 'trouble', tone: 'bad', event: true, tell: (e) => e.note },
  configured: { label: 'configuration', tone: 'server', event: false, tell: (e) => e.note },
};

/** Where an entry came from, in words. */
export const sources: Record<Source, string> = {
  server: 'Echolab itself',
  http: 'the HTTP API',
  client: 'a WebSocket client',
  replay: 'a recording',
};

// Why nobody got it is the server's to say, which knew the moment.
function delivery(e: Entry): string {
  if (e.delivered) return `Delivered to ${many(e.count, 'socket')}.`;
  return e.note || 'Nobody got it.';
}

/** "1 socket", "3 sockets". */
export function many(n: number, thing: string, things = `${thing}s`): string {
  return `${n.toLocaleString('en')} ${n === 1 ? thing : things}`;
}

/** Bytes for people: 812 B, 4.1 kB, 2.3 MB. */
export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** 12:04:09.318, in the reader's time zone. */
export function clock(at: string): string {
  const d = new Date(at);
  const two = (n: number) => String(n).padStart(2, '0');
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}.${String(d.getMilliseconds()).padStart(3, '0')}`;
}

/** The whole moment with its date. */
export function moment(at: string): string {
  const d = new Date(at);
  const two = (n: number) => String(n).padStart(2, '0');
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${clock(at)}`;
}
