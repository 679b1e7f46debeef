import { describe, expect, it } from 'vitest';
import { channelKind, plainName, whyNobody } from './channels';
import { clock, kinds, size } from './kinds';
import { entry } from './samples';
import { readURL, writeURL } from './url';

describe('channelKind', () => {
  it.each([
    ['portal', 'public', false, 'public', false],
    ['private-client.5', 'private', false, 'private', false],
    ['presence-project.1', 'presence', false, 'presence', false],
    ['private-encrypted-vault.9', 'encrypted', false, 'encrypted', false],
    ['private-encrypted-cache-x', 'encrypted', true, 'encrypted', true],
    ['cache-rates', 'public', true, 'public', true],
    ['private-cache-x', 'private', true, 'private', true],
    ['presence-cache-x', 'presence', true, 'presence', true],
    // Reverb asks for no hyphen, Pusher does.
    ['privateer', 'private', false, 'public', false],
    ['presences', 'presence', false, 'public', false],
    ['cached-x', 'public', true, 'public', false],
  ])('%s', (name, looseShape, looseCache, strictShape, strictCache) => {
    const loose = channelKind(name, 'reverb');
    const strict = channelKind(name, 'pusher');
    expect([loose.shape, loose.cache, strict.shape, strict.cache]).toEqual([looseShape, looseCache, strictShape, strictCache]);
  });

  it('has another glyph for each shape', () => {
    const glyphs = ['a', 'private-a', 'presence-a', 'private-encrypted-a'].map((n) => channelKind(n, 'reverb').glyph);
    expect(glyphs).toEqual(['○', '◐', '●', '◆']);
  });
});

describe('whyNobody', () => {
  const e = (channel: string, note = '') => ({ channel, note });
  const occupied = new Map([['private-client.5', 2], ['presence-client.5', 1], ['client.50', 3]]);

  it('takes the server’s word for it', () => {
    expect(whyNobody(e('client.5', 'nobody was subscribed, but 2 sockets are on private-client.5'), new Map(), 'reverb')).toBe(
      "Nobody was subscribed to client.5. 2 sockets are on private-client.5: broadcast on PrivateChannel('client.5') to reach them.",
    );
    expect(whyNobody(e('private-x', 'nobody was subscribed, but 1 socket is on x'), occupied, 'reverb')).toBe(
      "Nobody was subscribed to private-x. 1 socket is on x: broadcast on Channel('x') to reach it.",
    );
    expect(whyNobody(e('x', 'only the sender was subscribed, and it is left out'), occupied, 'reverb')).toBe('Only the sender was subscribed, and it is left out.');
  });

  it('looks for the channel that was meant', () => {
    expect(whyNobody(e('client.5', 'nobody was subscribed'), occupied, 'reverb')).toBe(
      "Nobody was subscribed to client.5. 2 sockets are on private-client.5: broadcast on PrivateChannel('client.5') to reach them. 1 socket is on presence-client.5: broadcast on PresenceChannel('client.5') to reach it.",
    );
    expect(whyNobody(e('orders'), occupied, 'reverb')).toBe('Nobody was subscribed to orders.');
    expect(whyNobody(e(''), new Map([['', 1]]), 'reverb')).toBe('Nobody got it.');
  });

  it('strips one prefix only, as Laravel does', () => {
    expect(plainName('presence-presence-project.1')).toBe('presence-project.1');
    expect(plainName('private-encrypted-vault.9')).toBe('vault.9');
  });
});

describe('kinds', () => {
  it('say what happened', () => {
    const e = (over: object) => entry(1, over);
    expect(kinds.published.tell(e({ count: 1048 }))).toBe('Delivered to 1,048 sockets.');
    expect(kinds.published.tell(e({ count: 0, delivered: false }))).toBe('Nobody was subscribed to c.');
    expect(kinds.refused.tell(e({ event: 'pusher:subscribe', note: '4009 Connection is unauthorized' }))).toBe('pusher:subscribe: 4009 Connection is unauthorized');
    expect(kinds.closed.tell(e({ socket: '1.2', note: 'slow', count: 1_048_576 }))).toBe('Socket 1.2: slow, 1.0 MB still waiting for it');
    expect(kinds.joined.tell(e({ user: '7', count: 1 }))).toBe('User 7 · 1 member now');
    for (const kind of Object.values(kinds)) expect(kind.label).not.toBe('');
  });

  it('size and clock', () => {
    expect([size(0), size(999), size(1000), size(10_240), size(2_300_000)]).toEqual(['0 B', '999 B', '1.0 kB', '10.2 kB', '2.3 MB']);
    expect(clock('2026-01-05T12:04:09.318999Z')).toMatch(/^\d\d:04:09\.318$/);
  });
});

describe('the address', () => {
  it('comes back as it went', () => {
    const s = { app: 'client-portal', show: 'events' as const, q: 'a b & c=ü', entry: 12 };
    expect(readURL(writeURL(s))).toEqual(s);
    expect(writeURL({ app: '', show: 'all', q: '', entry: 0 })).toBe('');
  });

  it('takes nonsense as nothing', () => {
    expect(readURL('?entry=-1&show=x')).toEqual({ app: '', show: 'all', q: '', entry: 0 });
    expect(readURL('?entry=1e99').entry).toBe(0);
  });
});
