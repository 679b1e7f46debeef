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
