import { describe, expect, it } from 'vitest';
import { channelKind } from './channels';
import type { Entry, Kind } from '../backend/types';
import { clock, kinds, many, moment, size, sources } from './kinds';
import { entry } from './samples';
import { readURL, writeURL } from './url';
import { cut, pieces, readable, visible } from './visible';

describe('channelKind', () => {
  it('has words for who cannot see it', () => {
    expect(channelKind('private-cache-x', 'reverb').word).toBe('private cache channel');
    expect(channelKind('x', 'reverb').word).toBe('public channel');
  });

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

describe('kinds', () => {
  const said: [Kind, Partial<Entry>, string][] = [
    ['started', { note: '127.0.0.1:8080' }, 'Listening on 127.0.0.1:8080'],
    ['started', {}, 'The server came up'],
    ['stopped', {}, 'The server went down'],
    ['opened', { note: 'http://localhost:5173' }, 'Socket 1.2 from http://localhost:5173'],
    ['opened', {}, 'Socket 1.2'],
    ['closed', { count: 0 }, 'Socket 1.2'],
    ['closed', { note: 'slow', count: 1_048_576 }, 'Socket 1.2: slow, 1.0 MB still waiting for it'],
    ['closed', { note: 'slow', count: 1 }, 'Socket 1.2: slow, 1 B still waiting for it'],
    ['subscribed', { count: 1 }, 'Socket 1.2 · 1 subscriber now'],
    ['subscribed', { count: 2, user: '7' }, 'Socket 1.2, user 7 · 2 subscribers now'],
    ['unsubscribed', { count: 0 }, 'Socket 1.2 · 0 subscribers left'],
    ['joined', { user: '7', count: 1 }, 'User 7 · 1 member now'],
    ['left', { user: '7', count: 2 }, 'User 7 · 2 members left'],
    ['published', { count: 1048 }, 'Delivered to 1,048 sockets.'],
    ['published', { count: 0, delivered: false, note: 'Only the sender was subscribed, and it is left out.' }, 'Only the sender was subscribed, and it is left out.'],
    ['whispered', { count: 0, delivered: false }, 'Nobody got it.'],
    ['whispered', { count: 1 }, 'Delivered to 1 socket.'],
    ['refused', { event: 'pusher:subscribe', note: '4009 Connection is unauthorized' }, 'pusher:subscribe: 4009 Connection is unauthorized'],
    ['refused', { event: '', note: '4001 Application does not exist' }, '4001 Application does not exist'],
    ['signed_in', { user: '7' }, 'Socket 1.2 is user 7'],
    ['webhook', { event: 'channel_occupied', note: '200', count: 1 }, 'channel_occupied: 200'],
    ['webhook', { event: 'channel_occupied', note: 'no answer', count: 3 }, 'channel_occupied: no answer · 3 attempts'],
    ['trouble', { note: 'disk full' }, 'disk full'],
    ['configured', { note: 'echolab.yaml was read again; taken over: users' }, 'echolab.yaml was read again; taken over: users'],
  ];
  it.each(said)('%s %j: %s', (kind, over, text) => expect(kinds[kind].tell(entry(1, { kind, socket: '1.2', ...over }))).toBe(text));

  it('each have a label of their own and are said above', () => {
    const all = Object.keys(kinds);
    expect(new Set(Object.values(kinds).map((k) => k.label)).size).toBe(all.length);
    expect(new Set(said.map(([kind]) => kind))).toEqual(new Set(all));
  });

  it('tell what is an event and what needs a person', () => {
    const named = (test: (k: Kind) => boolean) => [...new Set(said.map(([kind]) => kind))].filter(test);
    expect(named((k) => kinds[k].event)).toEqual(['published', 'whispered', 'refused', 'trouble']);
    expect(named((k) => kinds[k].tone === 'event')).toEqual(['published', 'whispered']);
    expect(named((k) => kinds[k].tone === 'bad')).toEqual(['refused', 'trouble']);
  });

  it('come from somewhere', () => {
    expect(sources).toEqual({ server: 'Echolab itself', http: 'the HTTP API', client: 'a WebSocket client', replay: 'a recording' });
  });

  it('sizes, numbers and times', () => {
    expect([size(0), size(999), size(1000), size(10_240), size(999_999), size(2_300_000)]).toEqual(['0 B', '999 B', '1.0 kB', '10.2 kB', '1000.0 kB', '2.3 MB']);
    expect([many(0, 'socket'), many(1, 'socket'), many(1000, 'entry', 'entries')]).toEqual(['0 sockets', '1 socket', '1,000 entries']);
    const at = new Date(2026, 0, 5, 9, 4, 3, 7); // in the reader's time zone
    expect(clock(at.toISOString())).toBe('09:04:03.007');
    expect(moment(at.toISOString())).toBe('2026-01-05 09:04:03.007');
    expect(clock('2026-01-05T12:04:09.318999Z')).toMatch(/^\d\d:04:09\.318$/);
  });
});

describe('what cannot be seen', () => {
  it.each([
    ['private-client.5', 'private-client.5'],
    ['', ''],
    ['a\u202eb', 'a‹202E›b'],
    ['\u0000\u001f\u007f\u009f', '‹0000›‹001F›‹007F›‹009F›'],
    ['a\nb\tc', 'a‹000A›b‹0009›c'],
    ['\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad\u061c', '‹200B›‹200C›‹200D›‹200E›‹200F›‹2060›‹FEFF›‹00AD›‹061C›'],
    ['\u2066x\u2069\u2028', '‹2066›x‹2069›‹2028›'],
    ['a b\u00a0c\u2003d\u3164', 'a b‹00A0›c‹2003›d‹3164›'],
    ['tag \u{e0041}', 'tag ‹E0041›'],
    ['half \ud83d', 'half ‹D83D›'],
    ['Grüße مرحبا 日本\u3000語 😀', 'Grüße مرحبا 日本\u3000語 😀'],
    ['👩\u200d👧 👩🏽\u200d🚀 \u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}', '👩\u200d👧 👩🏽\u200d🚀 \u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}'],
    ['👩\u200dx', '👩‹200D›x'],
  ])('%j', (text, want) => expect(visible(text)).toBe(want));

  it('is taken apart without losing anything', () => {
    expect(pieces('ab\u202ec')).toEqual([{ text: 'ab', code: false }, { text: '202E', code: true }, { text: 'c', code: false }]);
    expect(pieces('\u202e')).toEqual([{ text: '202E', code: true }]);
    expect(pieces('')).toEqual([]);
  });

  it('stays in a payload when it only belongs to the text', () => {
    expect(readable('{\n\t"a": "می\u200cخواهم\u202e\u0007"\r\n}')).toBe('{\n\t"a": "می\u200cخواهم‹202E›‹0007›"\r\n}');
  });

  it('cuts between characters', () => {
    expect([cut('abc', 3), cut('abc', 2), cut('a😀b', 2), cut('a😀b', 3)]).toEqual(['abc', 'ab', 'a', 'a😀']);
  });
});

describe('the address', () => {
  it('comes back as it went', () => {
    const s = { app: 'client-portal', show: 'events' as const, q: 'a b & c=ü', entry: 12 };
    expect(readURL(writeURL(s))).toEqual(s);
    expect(writeURL({ app: '', show: 'all', q: '', entry: 0 })).toBe('');
    expect(writeURL(s)).toBe('?app=client-portal&show=events&q=a+b+%26+c%3D%C3%BC&entry=12');
  });

  it('takes nonsense as nothing', () => {
    expect(readURL('?entry=-1&show=x')).toEqual({ app: '', show: 'all', q: '', entry: 0 });
    expect(readURL('?entry=1e99').entry).toBe(0);
    expect(readURL('?entry=1.5').entry).toBe(0);
  });
});
