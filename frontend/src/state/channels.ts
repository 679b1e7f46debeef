// What a channel's name says about it. A shape for each kind, so that colour is never needed to tell them apart.

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

/** Why nobody got an event, and what would have: the occupied channels whose plain name is the same. */
export function whyNobody(channel: string, occupied: Map<string, number>, profile: string): string {
  if (channel === '') return '';
  const same = [...occupied].filter(([name]) => name !== channel && plainName(name) === plainName(channel));
  return same
    .map(([name, n]) => {
      const sockets = n === 1 ? '1 socket is' : `${n} sockets are`;
      return `${sockets} on ${name}: broadcast on ${constructors[channelKind(name, profile).shape]}('${plainName(name)}') to reach it.`;
    })
    .join(' ');
}
