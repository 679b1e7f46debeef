// From a publish over the signed HTTP API to the row on the screen, with the built program.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { browser, echolab, open, publish } from './support.mjs';

let chrome;
let server;
before(async () => {
  chrome = await browser();
  server = await echolab();
});
after(async () => {
  await chrome?.close();
  if (server) assert.equal(await server.stop(), 0, 'SIGTERM ends it cleanly');
});

test('publish, and see it', { timeout: 60_000 }, async () => {
  const { page, wrong, close } = await open(chrome, server.url);
  await page.getByText('REVERB_APP_KEY=local-reverb-key').waitFor();
  assert.equal(await publish(server.port, 'portal', 'Announcement', { title: 'Grüße 😀' }), 200);
  await page.getByRole('option').getByText('Announcement').click();
  assert.match(await page.locator('.payload').innerText(), /"title": "Grüße 😀"/);
  await page.locator('.detail .verdict.amber').waitFor(); // nobody was there

  // A client has to be another page: the policy of ours lets it talk to its own listener only.
  const other = await (await chrome.newContext()).newPage();
  await other.goto(`http://127.0.0.1:${server.port}/up`);
  await other.evaluate((port) => new Promise((done, failed) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/app/local-reverb-key?protocol=7&client=js&version=8.6.0`);
    socket.onerror = () => failed(new Error('no connection'));
    socket.onmessage = (m) => {
      const { event } = JSON.parse(m.data);
      if (event === 'pusher:connection_established') socket.send('{"event":"pusher:subscribe","data":{"channel":"portal"}}');
      if (event === 'pusher_internal:subscription_succeeded') done();
    };
    window.socket = socket;
  }), server.port);
  await page.getByText('1 connection', { exact: true }).waitFor();
  await page.keyboard.press('Escape');
  assert.equal(await publish(server.port, 'portal', 'SecondAnnouncement', { n: 2 }), 200);
  await page.getByRole('option').getByText('SecondAnnouncement').click();
  await page.getByText('Delivered to 1 socket.').waitFor();

  // The reason is the server's, the advice the page's: this holds the two together.
  await page.keyboard.press('Escape');
  assert.equal(await publish(server.port, 'private-portal', 'Misaddressed', {}), 200);
  await page.getByRole('option').getByText('Misaddressed').click();
  await page.getByText("Nobody was subscribed to private-portal. 1 socket is on portal: broadcast on Channel('portal') to reach it.").waitFor();
  assert.deepEqual(wrong, []);
  await close();
});
