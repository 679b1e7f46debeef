// What a channel's name says about it. A shape for each kind, so that colour is never needed to tell them apart.
import type { Entry } from '../backend/types';

export type Shape = 'public' | 'private' | 'presence' | 'encrypted';

export interface ChannelKind {
  shape: Shape;
  glyph: string;
  /** In words, for screen readers and tooltips. */
  word: string;
  cache: boolean;
}

const glyphs: Record<Shape, string> = { public: '○', private: '◐', presence: '●', encrypted: '◆' };

// Longest first. The second column is how Reverb tells kinds apart: it asks for no hyphen (ChannelBroker).
const prefixes: { strict: string; loose: string; shape: Shape; cache: boolean }[] = [
  { strict: 'private-encrypted-cache-', loose: 'private-encrypted-cache-', shape: 'encrypted', cache: true },
  { strict: 'private-encrypted-', loose: 'private-encrypted-', shape: 'encrypted', cache: false },
  { strict: 'private-cache-', loose: 'private-cache-', shape: 'private', cache: true },
  { strict: 'presence-cache-', loose: 'presence-cache-', shape: 'presence', cache: true },
  { strict: 'cache-', loose: 'cache', shape: 'public', cache: true },
  { strict: 'private-', loose: 'private', shape: 'private', cache: false },
  { strict: 'presence-', loose: 'presence', shape: 'presence', cache: false },
];

/** The kind of a channel; profile is the server's, reverb or pusher. */
export function channelKind(name: string, profile: string): ChannelKind {
  const row = prefixes.find((p) => name.startsWith(profile === 'reverb' ? p.loose : p.strict));
  const shape = row?.shape ?? 'public';
  const cache = row?.cache ?? false;
  return { shape, glyph: glyphs[shape], cache, word: `${shape}${cache ? ' cache' : ''} channel` };
}

/** A channel's name without what the protocol puts before it: what Laravel calls it. */
export function plainName(name: string): string {
  return name.replace(/^(private-encrypted-|private-|presence-)/, '');
}

const constructors: Record<Shape, string> = {
  public: 'Channel',
  private: 'PrivateChannel',
  presence: 'PresenceChannel',
  encrypted: 'EncryptedPrivateChannel',
};

/**
 * Why nobody got an event, and what would have. The server's note says it as it was at that moment; where it names no
 * other channel, those that are occupied now and differ in the prefix alone are looked at.
 */
export function whyNobody(e: Pick<Entry, 'channel' | 'note'>, occupied: Map<string, number>, profile: string): string {
  const nobody = e.channel ? `Nobody was subscribed to ${e.channel}.` : 'Nobody got it.';
  const named = /, but (1 socket is|\d+ sockets are) on (\S+)$/.exec(e.note);
  if (named?.[1] && named[2]) return `${nobody} ${advice(named[1], named[2], profile)}`;
  const first = e.note === '' || e.note === 'nobody was subscribed' ? nobody : sentence(e.note);
  const same = [...occupied].filter(([name]) => e.channel !== '' && name !== e.channel && plainName(name) === plainName(e.channel));
  return [first, ...same.map(([name, n]) => advice(n === 1 ? '1 socket is' : `${n} sockets are`, name, profile))].join(' ');
}

function advice(sockets: string, channel: string, profile: string): string {
  return `${sockets} on ${channel}: broadcast on ${constructors[channelKind(channel, profile).shape]}('${plainName(channel)}') to reach ${sockets.startsWith('1 ') ? 'it' : 'them'}.`;
}

/** A note as a sentence: a capital first, a full stop last. */
export function sentence(note: string): string {
  return note === '' ? '' : `${note.charAt(0).toUpperCase()}${note.slice(1)}${/[.!?)]$/.test(note) ? '' : '.'}`;
}
