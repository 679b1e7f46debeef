// The page in a real Chromium, over the real API and a journal that the tests fill.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { browser, fixture, open, root } from './support.mjs';

let chrome;
before(async () => (chrome = await browser()));
after(() => chrome?.close());

/** Runs a test with a server and a page of its own; whatever the page complains about fails it. */
function scene(name, { args = [], path = '/', view = {}, tolerate = () => false, prepare = async () => {} }, run) {
  test(name, { timeout: 60_000 }, async () => {
    const server = await fixture(...args);
    await prepare(server);
    const { page, wrong, close } = await open(chrome, server.url + path, view);
    try {
      await run(page, server);
      assert.deepEqual(wrong.filter((w) => !tolerate(w)), []);
    } catch (error) {
      const folder = resolve(root, '.cache/screens');
      mkdirSync(folder, { recursive: true });
      await page.screenshot({ path: resolve(folder, `${name.replaceAll(/\W+/g, '-')}.png`) }).catch(() => {});
      throw error;
    } finally {
      await close();
      await server.stop();
    }
  });
}

const event = (over = {}) => ({ Kind: 'published', Source: 'http', Channel: 'private-client.5', Event: 'InvoiceCreated', Data: { id: 42 }, Count: 2, ...over });
const settled = (page, n) => page.waitForFunction((want) => document.querySelectorAll('[role=option]').length >= want, n);

scene('an empty page tells what to do and copies it whole', {}, async (page) => {
  await page.getByText('Nothing has happened yet').waitFor();
  const secret = 'secret-of-client-portal';
  assert.ok(!(await page.content()).includes(secret), 'the secret is not shown unasked');
  await page.locator('.empty').getByRole('button', { name: 'Copy' }).click();
  await page.getByRole('button', { name: 'Copied' }).waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(copied, /apps\/client-portal\/events/);
  assert.ok(copied.includes(secret), 'what is copied works when pasted');
  assert.ok(!(await page.content()).includes(secret));
  await page.getByRole('button', { name: 'Show' }).click();
  await page.getByText(`REVERB_APP_SECRET=${secret}`).waitFor();
  await page.getByRole('button', { name: 'Hide' }).click();
  assert.ok(!(await page.content()).includes(secret));
});

scene('an event arrives, opens, and survives a reload', {}, async (page, server) => {
  await page.getByText('Nothing has happened yet').waitFor();
  server.append(event());
  await page.getByRole('option').getByText('InvoiceCreated').click();
  await page.locator('.detail').getByText('Delivered to 2 sockets.').waitFor();
  assert.equal(new URL(page.url()).search, '?entry=1');
  await page.reload();
  assert.match(await page.locator('.payload').innerText(), /"id": 42/);
  await page.keyboard.press('Escape');
  await page.getByRole('heading', { name: 'Connect' }).waitFor();
  assert.equal(new URL(page.url()).search, '');
  server.append(event({ Event: 'Next' })); // closed: the list goes on by itself
  await page.getByRole('option').getByText('Next').waitFor();
});

scene('a selection holds the list still', { prepare: async (s) => s.append(event({ Event: 'Event{n}' }), { Times: 40 }) }, async (page, server) => {
  await page.getByText('Event40').click();
  server.append(event({ Event: 'Later' }), { Times: 3 });
  await page.getByText('3 new · jump to now').waitFor();
  await page.getByRole('button', { name: 'Close' }).click();
  await page.getByText('Later').first().waitFor();
  await page.keyboard.press(' '); // a pause that was asked for stays when a detail is closed
  await page.getByRole('option').last().click();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Resume' }).waitFor();
});

// The server's words and no more, although the page has seen who else is there.
const note = "Nobody was subscribed to client.5. 2 sockets are on private-client.5: broadcast on PrivateChannel('client.5').";
scene('nobody got it, and why', { prepare: async (s) => {
  s.append({ Kind: 'subscribed', Source: 'client', Socket: '1.2', Channel: 'private-client.5', Count: 2 });
  s.append({ Kind: 'subscribed', Source: 'client', Socket: '1.2', Channel: 'presence-client.5', Count: 1 });
  s.append(event({ Channel: 'client.5', Count: 0, Note: note }));
} }, async (page) => {
  assert.equal(await page.locator('.row .nobody').getAttribute('title'), note);
  await page.getByRole('option').getByText('nobody').click();
  assert.equal(await page.locator('.detail .verdict').innerText(), 'Nobody was subscribed to client.5.');
  // The panel says the rest, and how to put it right.
  await page.locator('.causes').getByText("1 socket was on private-client.5, but the event went to client.5.").waitFor();
  // They are open already: the key brings them into view, also where they are below what can be seen, and closes them when pressed again.
  await page.setViewportSize({ width: 1280, height: 300 });
  assert.equal(await inView(page.locator('.causes')), false);
  await page.keyboard.press('w');
  await page.locator('.reasons.shown').waitFor();
  assert.equal(await inView(page.locator('.reasons .ask')), true);
  await page.keyboard.press('w');
  await page.locator('.causes').waitFor({ state: 'hidden' });
  await page.keyboard.press('w');
  await page.locator('.reasons.shown .causes').waitFor();
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.locator('.causes').getByText("Broadcast on new PrivateChannel('client.5'), or subscribe with Echo.channel('client.5').").waitFor();
});

/** Whether all of an element's first line can be seen. */
const inView = (element) => element.evaluate((el) => {
  const { left, top } = el.getBoundingClientRect();
  const at = document.elementFromPoint(left + 20, top + 10);
  return el === at || el.contains(at);
});

const subscribed = (Socket, Channel, User = '') => ({ Kind: 'subscribed', Source: 'client', Socket, Channel, User, Count: 1 });
for (const colorScheme of ['dark', 'light']) {
  scene(`who got it, and why another did not (${colorScheme})`, { view: { colorScheme }, prepare: async (s) => {
    s.append(subscribed('1.1', 'presence-project.1', '7'));
    for (let n = 2; n <= 9; n++) s.append(subscribed(`1.${n}`, 'presence-project.1', '8'));
    s.append(event({ Channel: 'presence-project.1', Event: 'CommentAdded', Data: { comment: { id: 1 } }, Count: 9 }));
    s.append(event({ Channel: 'private-client.5', Event: 'Lost', Count: 0, Note: 'Nobody was subscribed to private-client.5.' }));
    s.append({ Kind: 'opened', Source: 'client', Socket: '1.1' });
    s.append(subscribed('2.2', 'private-client.5'));
    s.append(event({ Event: 'Read' }));
  } }, async (page) => {
    await page.getByRole('option').getByText('CommentAdded').click();
    await page.locator('.got').getByText('user 7').waitFor();
    await page.locator('.got').getByText('and 3 more').waitFor();
    assert.equal(await page.locator('.causes').count(), 0, 'where somebody got it, the rest is asked for');
    await page.keyboard.press('w');
    await page.locator('.causes').getByText("If your listener says .listen('CommentAdded'), it waits for App\\Events\\CommentAdded").waitFor();
    await page.getByRole('button', { name: 'Why might it not have fired?' }).click();
    await page.locator('.causes').waitFor({ state: 'hidden' });
    assert.equal(await page.locator('.hears pre').innerText(), "Echo.join('project.1')\n  .listen('.CommentAdded', console.log);");

    await page.getByRole('option').getByText('Lost').click(); // open by itself
    await page.locator('.causes').getByText('too late for this event').waitFor();
    await page.getByRole('button', { name: '#13' }).click();
    assert.equal(new URL(page.url()).searchParams.get('entry'), '13');
    assert.equal(await page.locator('.diagnosis').count(), 0, 'a subscription has no listeners');
  });
}

scene('every kind of entry has its words', { prepare: async (s) => {
  for (const Kind of ['started', 'stopped', 'opened', 'closed', 'subscribed', 'unsubscribed', 'joined', 'left', 'published', 'whispered', 'refused', 'signed_in', 'webhook', 'trouble'])
    s.append({ Kind, Source: 'client', Channel: 'presence-x', Event: 'something', Note: 'a note', Count: 1, User: '7', Socket: '1.2' });
} }, async (page) => {
  await settled(page, 14);
  const labels = await page.locator('.row .kind').allInnerTexts();
  assert.equal(new Set(labels).size, 14);
  await page.getByRole('button', { name: 'Events only' }).click();
  await page.waitForFunction(() => document.querySelectorAll('[role=option]').length === 4);
  assert.equal(new URL(page.url()).search, '?show=events');
});

scene('the keyboard is enough', { prepare: async (s) => s.append(event({ Event: 'Event{n}', Channel: 'c.{n}' }), { Times: 30 }) }, async (page) => {
  await settled(page, 15);
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('ArrowUp');
  assert.equal(await page.locator('[aria-selected=true] .name').innerText(), 'Event29');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement?.className), 'detail');
  await page.keyboard.press('Escape');
  await page.keyboard.press('/');
  await page.keyboard.type('c.7 event');
  await page.waitForFunction(() => document.querySelectorAll('[role=option]').length === 1);
  assert.equal(await page.locator('.row .name').innerText(), 'Event7');
  await page.keyboard.press('Escape');
  await settled(page, 15);
  await page.keyboard.press('?');
  await page.getByRole('dialog').getByText('Jump to now').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  await page.keyboard.press(' ');
  await page.getByRole('button', { name: 'Resume' }).waitFor();
  await page.keyboard.press('End');
  await page.getByRole('button', { name: 'Pause' }).waitFor();
});

scene('10,000 rows and a stream: no blank rows, and reading is not disturbed', {}, async (page, server) => {
  server.append(event({ Event: 'Burst{n}' }), { Times: 10_000 });
  await page.getByText('Burst10000').waitFor();
  server.append(event({ Event: 'Stream{n}' }), { Times: 2000, Rate: 500 });
  await page.getByText(/Stream\d/).first().waitFor();
  const blanks = await page.evaluate(async () => {
    let blank = 0;
    const list = document.querySelector('[role=listbox]');
    for (let frame = 0; frame < 60; frame++) {
      await new Promise(requestAnimationFrame);
      const box = list.getBoundingClientRect();
      for (let y = box.top + 14; y < box.bottom - 4; y += 28) if (!document.elementFromPoint(box.left + 40, y)?.closest('.row, .gap')) blank++;
    }
    return blank;
  });
  assert.equal(blanks, 0);
  assert.ok((await page.locator('[role=option]').count()) < 60, 'only what is visible is in the document');

  await page.mouse.move(400, 400);
  await page.mouse.wheel(0, -2000);
  await page.getByText(/new · jump to now/).waitFor();
  const first = await page.locator('.row').first().innerText();
  await page.getByRole('button', { name: /[1-9]\d\d new/ }).waitFor();
  assert.equal(await page.locator('.row').first().innerText(), first, 'rows stay where they are read');
  await page.getByText(/new · jump to now/).click();
  await page.getByText('Stream2000').waitFor();
});

for (const [width, colorScheme] of [[1280, 'dark'], [900, 'light'], [1920, 'light']]) {
  scene(`long and strange things keep their place at ${width}`, { view: { width, height: 800, colorScheme }, prepare: async (s) => {
    s.append(event({ Event: 'E'.repeat(2000), Channel: `private-${'kanalname-'.repeat(15)}`, Data: { text: `😀 مرحبا שלום ${'x'.repeat(10_000)}` } }));
    s.append(event({ Event: 'مرحبا\u202eabc', Data: { html: '<img src=x onerror=alert(1)><script>alert(2)</script>' } }));
    s.append({ Kind: 'trouble', Note: 'Speicherplatzbeschränkungsüberschreitung '.repeat(20) });
  } }, async (page) => {
    await settled(page, 3);
    for (const n of [0, 1, 2]) {
      await page.getByRole('option').nth(n).click();
      await page.locator('.detail').waitFor();
      const layout = await page.evaluate(() => ({
        wide: document.documentElement.scrollWidth - innerWidth,
        high: document.documentElement.scrollHeight - innerHeight,
        rows: [...document.querySelectorAll('.row')].map((r) => r.getBoundingClientRect().height),
        side: document.querySelector('.side').scrollWidth - document.querySelector('.side').clientWidth,
        foreign: document.querySelectorAll('img, #app script').length,
      }));
      assert.deepEqual(layout, { wide: 0, high: 0, rows: [28, 28, 28], side: 0, foreign: 0 });
    }
    await page.getByRole('option').nth(0).click();
    await page.waitForFunction(() => document.querySelector('.payload')?.textContent.length > 10_000); // the feed carries 8 kB of it
  });
}

scene('what the ring let go comes from the store', { args: ['-after', '700'], prepare: async (s) => s.append(event()) }, async (page) => {
  await page.getByText('700 earlier').waitFor();
  await page.getByRole('button', { name: 'Load', exact: true }).click();
  await page.getByText('FromStore700').waitFor();
  await page.keyboard.press('Home');
  await page.getByText('200 earlier').waitFor();
});

scene('the server goes away and comes back', { tolerate: (w) => /Failed to load resource/.test(w), prepare: async (s) => s.append(event({ Event: 'Before' })) }, async (page, server) => {
  await page.getByText('Before').waitFor();
  await server.stop();
  await page.getByText('The server does not answer').waitFor();
  await page.getByText('Before').waitFor(); // the last data stays
  const again = await fixture('-listen', `127.0.0.1:${server.port}`);
  try {
    again.append(event({ Event: 'After' }));
    await page.getByText('After').waitFor();
    await page.getByText('The server does not answer').waitFor({ state: 'hidden' });
  } finally {
    await again.stop();
  }
});

scene('several applications, a failing store, an open door', { prepare: async (s) => {
  s.say({ Status: { version: '0.1.0', started_at: '2026-01-05T09:30:00Z', profile: 'pusher', server: { host: '0.0.0.0', port: 8080, path: '/lab', hostname: 'reverb.test', scheme: 'http', url: 'http://127.0.0.1:8080/lab', reachable_from_network: true },
    apps: [{ id: 'one', key: 'key-one', connections: 2 }, { id: 'two', key: 'key-two', connections: 3 }], store: { state: 'failing', path: '', error: 'disk full; free some space' }, warnings: ['The .env asks for 0.0.0.0.'] } });
  s.append(event({ App: 'one', Event: 'OfOne' }));
  s.append(event({ App: 'two', Event: 'OfTwo' }));
} }, async (page) => {
  await page.getByText('5 connections').waitFor();
  await page.getByRole('alert').getByText('disk full; free some space').waitFor();
  await page.getByText('The .env asks for 0.0.0.0.').waitFor();
  await page.getByText('open to the network').waitFor();
  await page.getByLabel('Application').selectOption('two');
  await page.getByText('3 connections').waitFor();
  await page.getByText('REVERB_APP_KEY=key-two').waitFor();
  await page.getByText('REVERB_HOST=reverb.test').waitFor();
  await page.getByText("wsHost: 'reverb.test'").waitFor();
  assert.equal(await page.getByText('OfOne').count(), 0);
  assert.equal(new URL(page.url()).search, '?app=two');
});

scene('an application that is not here', { path: '/?app=nope&show=events', prepare: async (s) => {
  s.append({ App: '', Kind: 'started', Note: '127.0.0.1:8080' });
  s.append(event());
} }, async (page) => {
  await page.getByRole('heading', { name: 'There is no application nope here' }).waitFor();
  await page.locator('.empty').getByText('client-portal').waitFor();
  assert.equal(await page.getByRole('option', { name: 'InvoiceCreated' }).count(), 0);
  await page.getByRole('button', { name: 'Show all applications' }).click();
  await page.getByRole('option').getByText('InvoiceCreated').waitFor();
  assert.equal(new URL(page.url()).search, '?show=events', 'the rest of the filter stays');
});

scene('names that hide something show it', { prepare: async (s) => {
  s.append(event({ Channel: 'private-\u202e5.tneilc', Event: 'Invoice\u200bCreated', User: '7\u0000', Count: 0, Note: 'Nobody was subscribed to private-\u202e5.tneilc.' }));
} }, async (page) => {
  await settled(page, 1);
  assert.equal(await page.locator('.row .where').innerText(), '◐\nprivate-202E5.tneilc');
  assert.equal(await page.locator('.row .name').innerText(), 'Invoice200BCreated');
  assert.equal(await page.locator('.row .nobody').getAttribute('title'), 'Nobody was subscribed to private-‹202E›5.tneilc.');
  // The override is taken out of the text, so it turns nothing: the name still reads from left to right.
  assert.ok(!(await page.locator('.row .where').textContent()).includes('\u202e'));
  await page.getByRole('option').click();
  assert.deepEqual(await page.locator('.detail .title .unseen').allInnerTexts(), ['200B', '202E']);
  assert.deepEqual(await page.locator('.detail dd .unseen').allInnerTexts(), ['0000']);
});

scene('a store in memory is said quietly, and the notices of others are at hand', { prepare: async (s) => {
  s.say({ Status: { version: '0.1.0', started_at: '2026-01-05T09:30:00Z', profile: 'reverb', server: { host: '127.0.0.1', port: 8080, path: '', hostname: '', scheme: 'http', url: 'http://127.0.0.1:8080' },
    apps: [{ id: 'client-portal', key: 'local-reverb-key' }], store: { state: 'memory', path: ':memory:', error: '' } } });
} }, async (page, server) => {
  await page.getByText('in memory').waitFor();
  assert.match(await page.getByText('in memory').getAttribute('title'), /kept until the server ends/);
  assert.equal(await page.getByRole('alert').count(), 0);

  await page.keyboard.press('?');
  await page.getByRole('dialog').getByText('Licences').click();
  await page.getByLabel('Licences').getByText('SIL OPEN FONT LICENSE').waitFor();
  const res = await fetch(`${server.url}${await page.getByRole('link', { name: '/licenses.txt' }).getAttribute('href')}`);
  const notices = await res.text();
  assert.equal(res.headers.get('content-type'), 'text/plain; charset=utf-8');
  for (const of of [/ibm-plex-mono .*OFL-1\.1\)\s+Copyright \d+ IBM Corp/, /ibm-plex-sans .*OFL-1\.1\)\s+Copyright \d+ IBM Corp/, /SIL OPEN FONT LICENSE Version 1\.1/, /\nmodernc\.org\/sqlite v[^]*Copyright \(c\) 2017 The Sqlite Authors/, /\nvue 3\..*\(MIT\)[^]*Copyright \(c\) 2018-present, Yuxi/])
    assert.match(notices, of);
});
