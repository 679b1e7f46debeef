import { flushPromises, mount } from '@vue/test-utils';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { h, nextTick } from 'vue';
import { client } from '../backend/client';
import type { Diagnosis } from '../backend/types';
import { entry } from '../state/samples';
import DiagnosisPanel from './DiagnosisPanel.vue';
import EntryDetail from './EntryDetail.vue';
import EntryRow from './EntryRow.vue';
import JsonView from './JsonView.vue';
import Tape from './Tape.vue';
import VirtualList from './VirtualList.vue';
import { layOut, textOf } from './json';

beforeEach(() => void vi.spyOn(client, 'diagnosis').mockReturnValue(new Promise(() => {})));

describe('layOut', () => {
  const text = (data: string) => textOf(layOut(data) ?? []);

  it('keeps what the payload says', () => {
    const value = { id: 42, name: 'Grüße "x" \\ 😀', list: [1, -2.5, [], {}], none: null, yes: true, nested: { a: { b: [] } } };
    expect(JSON.parse(text(JSON.stringify(value)))).toEqual(value);
    expect(text(JSON.stringify(value))).toBe(JSON.stringify(value, null, 2));
  });

  it('reads Laravel’s escapes', () => expect(text('{"a":"Gr\\u00fc\\u00dfe \\/"}')).toContain('"Grüße /"'));
  it('does not round numbers', () => expect(text('{"id":9007199254740993,"x":1.10,"y":1e400}')).toBe('{\n  "id": 9007199254740993,\n  "x": 1.10,\n  "y": 1e400\n}'));
  it('opens a string that holds JSON, once', () => expect(text(JSON.stringify('{"a":"{}"}'))).toBe('{\n  "a": "{}"\n}'));
  it('leaves a string that holds a word alone', () => expect(text('"42"')).toBe('"42"'));
  it('says when it is not JSON', () => {
    for (const data of ['', 'hello', '{"a":', '<b>']) expect(layOut(data)).toBeUndefined();
  });
});

describe('JsonView', () => {
  it('shows markup as text', () => {
    const w = mount(JsonView, { props: { data: '{"x":"<img src=x onerror=alert(1)>"}', raw: false } });
    expect(w.find('img').exists()).toBe(false);
    expect(w.text()).toContain('<img src=x onerror=alert(1)>');
  });

  it('draws a large payload as one piece', () => {
    const w = mount(JsonView, { props: { data: JSON.stringify(Array.from({ length: 20_000 }, (_, i) => i)), raw: false } });
    expect(w.findAll('span')).toHaveLength(1);
    expect(w.text()).toContain('19999');
  });
});

describe('EntryRow', () => {
  const row = (over: object) => mount(EntryRow, { props: { entry: entry(1, over), profile: 'reverb', selected: false } });

  it('says who got it', () => {
    expect(row({ count: 3 }).find('.to').text()).toBe('3');
    const none = row({ count: 0, delivered: false, note: "Nobody was subscribed to c. 1 socket is on private-c: broadcast on PrivateChannel('c')." });
    expect(none.find('.to').text()).toBe('nobody');
    expect(none.find('.nobody').attributes('title')).toBe("Nobody was subscribed to c. 1 socket is on private-c: broadcast on PrivateChannel('c').");
  });

  it('shows markup in names as text and stays short', () => {
    const w = row({ event: `<b>${'x'.repeat(2000)}`, channel: '<i>c</i>' });
    expect(w.find('b').exists()).toBe(false);
    expect(w.find('.name').text().length).toBeLessThanOrEqual(200);
  });
});

describe('names that hide something', () => {
  const name = 'private-\u202etneilc\u200b';

  it('show it in a row', () => {
    const w = mount(EntryRow, { props: { entry: entry(1, { channel: name, event: 'a\u0000b', delivered: false, note: `Nobody was subscribed to ${name}.` }), profile: 'reverb', selected: false } });
    expect(w.findAll('.where .unseen').map((c) => c.text())).toEqual(['202E', '200B']);
    expect(w.find('.name .unseen').text()).toBe('0000');
    expect(w.find('.nobody').attributes('title')).toBe('Nobody was subscribed to private-‹202E›tneilc‹200B›.');
  });

  it('show it in the detail', () => {
    const w = mount(EntryDetail, { props: { seq: 1, known: entry(1, { channel: name, event: name, user: '7\u202e' }), profile: 'reverb' } });
    expect(w.findAll('h2 .unseen').map((c) => c.text())).toEqual(['202E', '200B']);
    expect(w.findAll('.channel .unseen')).toHaveLength(2);
    expect(w.findAll('dd .unseen').map((c) => c.attributes('title'))).toEqual(['U+202E, which cannot be seen']);
  });

  it('turn nothing in a payload', () => {
    const w = mount(JsonView, { props: { data: `{"a":"x\u202ey","b":"می\u200cخواهم"}`, raw: false } });
    expect(w.text()).toContain('"x‹202E›y"');
    expect(w.text()).toContain('می\u200cخواهم');
  });
});

describe('EntryDetail', () => {
  const verdict = (over: object) => mount(EntryDetail, { props: { seq: 1, known: entry(1, over), profile: 'reverb' } }).find('.verdict');

  it('says in the server’s words that nobody got it, and leaves what to do to the diagnosis', () => {
    for (const [note, shown] of [
      ['Only the sender was subscribed, and it is left out.', 'Only the sender was subscribed, and it is left out.'],
      ["Nobody was subscribed to c. 2 sockets are on private-c: broadcast on PrivateChannel('c').", 'Nobody was subscribed to c.'],
      ["Nobody was subscribed to 2 sockets are on. 1 socket is on private-2 sockets are on: broadcast on PrivateChannel('2 sockets are on').", 'Nobody was subscribed to 2 sockets are on.'],
    ]) {
      const said = verdict({ delivered: false, count: 0, note });
      expect(said.text()).toBe(shown);
      expect(said.classes()).toContain('amber');
    }
    expect(verdict({ count: 2 }).text()).toBe('Delivered to 2 sockets.');
    expect(verdict({ count: 2 }).classes()).not.toContain('amber');
  });

  it('shows a refusal’s reason in red', () => {
    const said = verdict({ kind: 'refused', note: '4009 Connection is unauthorized' });
    expect([said.text(), said.classes()]).toEqual(['4009 Connection is unauthorized', ['verdict', 'red']]);
  });
});

describe('DiagnosisPanel', () => {
  const found = (over: Partial<Diagnosis> = {}): Diagnosis => ({
    seq: 1, id: '', app: 'a', channel: 'private-c', event: 'E', verdict: '', recipients: 0, got: [], listen: "Echo.private('c').listen('.E', console.log);",
    causes: [
      { name: 'nobody_subscribed', certain: true, what: 'Nobody was subscribed.', do: '', entry: 0 },
      { name: 'late', certain: true, what: 'Socket 1.2 came late\u202e.', do: 'Come earlier.', entry: 7 },
    ],
    ...over,
  });
  const panel = async (answer: Diagnosis | Error, delivered: boolean) => {
    const asked = vi.spyOn(client, 'diagnosis').mockImplementation(() => (answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer)));
    const w = mount(DiagnosisPanel, { props: { seq: 1, delivered } });
    await flushPromises();
    return { w, asked };
  };
  beforeEach(() => localStorage.clear());

  it('tells at once why nobody heard it, without what the verdict says', async () => {
    const { w } = await panel(found(), false);
    expect(w.findAll('.causes li').map((li) => li.find('p').text())).toEqual(['Socket 1.2 came late202E. #7']);
    expect(w.find('.certain').exists()).toBe(true);
    await w.find('.entry').trigger('click');
    expect(w.emitted('select')).toEqual([[7]]);
    expect(w.find('.hears pre').text()).toBe("Echo.private('c')\n  .listen('.E', console.log);");
  });

  it('says that nobody was there when that is all there is to say', async () => {
    const { w } = await panel(found({ causes: found().causes.slice(0, 1) }), false);
    expect(w.find('.causes').text()).toBe('Nobody was subscribed.');
  });

  it('lists who got it, and remembers whether the rest was asked for', async () => {
    const got = Array.from({ length: 8 }, (_, i) => ({ socket: `1.${i}`, user: i === 0 ? '7' : '' }));
    vi.mocked(client.diagnosis).mockClear();
    const { w, asked } = await panel(found({ recipients: 1200, got }), true);
    expect(w.findAll('.got li')).toHaveLength(7);
    expect(w.find('.got .more').text()).toBe('and 1,194 more');
    expect(w.find('.causes').exists()).toBe(false);
    await w.find('.ask').trigger('click');
    expect(w.find('.causes').exists()).toBe(true);
    expect(asked).toHaveBeenCalledTimes(2);
    expect((await panel(found({ recipients: 1 }), true)).w.find('.causes').exists()).toBe(true);
  });

  it('says when it is not known', async () => {
    expect((await panel(new Error('The database could not be read.'), true)).w.text()).toBe('Who got it is not known: The database could not be read.');
    expect((await panel(found({ recipients: 3 }), true)).w.text()).toContain('somebody came or went at that moment');
  });

  it('shows no answer about another event', async () => {
    let answer: (d: Diagnosis) => void = () => {};
    vi.spyOn(client, 'diagnosis').mockImplementationOnce(() => new Promise((done) => (answer = done))).mockResolvedValue(found({ listen: 'second' }));
    const w = mount(DiagnosisPanel, { props: { seq: 1, delivered: false } });
    await w.setProps({ seq: 2 });
    answer(found({ listen: 'first' }));
    await flushPromises();
    expect(w.find('.hears pre').text()).toBe('second');
  });
});

describe('VirtualList', () => {
  vi.stubGlobal('ResizeObserver', class { observe() {} disconnect() {} });
  Object.defineProperty(HTMLElement.prototype, 'clientHeight', { configurable: true, get: () => 280 });
  const list = (count: number, follow: boolean) =>
    mount(VirtualList, {
      props: { count, rowHeight: 28, follow, keyOf: (i: number) => i },
      slots: { default: ({ index }: { index: number }) => h('div', { class: 'r' }, `row ${index}`) },
    });

  it('draws a screenful of 10,000 rows', async () => {
    const w = list(10_000, false);
    await nextTick();
    const drawn = w.findAll('.r').map((r) => r.text());
    expect(drawn[0]).toBe('row 0');
    expect(drawn.length).toBeLessThan(40);
  });

  it('has the last rows at once when it follows', async () => {
    const w = list(10_000, true);
    await nextTick();
    expect(w.findAll('.r').at(-1)?.text()).toBe('row 9999');
    await w.setProps({ count: 12_000 });
    expect(w.findAll('.r').at(-1)?.text()).toBe('row 11999');
    expect(w.findAll('.r').length).toBeGreaterThanOrEqual(10);
  });

  it('draws all of few', async () => {
    const w = list(3, true);
    await nextTick();
    expect(w.findAll('.r')).toHaveLength(3);
  });
});

describe('Tape', () => {
  it('stacks what happened and tells which second was pressed', async () => {
    const quiet = { delivered: 0, nobody: 0, refused: 0, moves: 0 };
    const w = mount(Tape, { props: { seconds: [quiet, { delivered: 3, nobody: 1, refused: 1, moves: 2 }, quiet, quiet] } });
    expect(w.findAll('rect.delivered, rect.nobody, rect.refused, rect.moves')).toHaveLength(4);
    w.find('svg').element.getBoundingClientRect = () => new DOMRect(0, 0, 400, 44);
    await w.find('svg').trigger('click', { clientX: 150 });
    expect(w.emitted('seek')).toEqual([[2]]);
  });
});
