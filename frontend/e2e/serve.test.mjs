// From a publish over the signed HTTP API to the row on the screen, with the built program.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
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
  assert.equal(await page.locator('.detail .verdict.amber').innerText(), 'Nobody was subscribed to portal.');

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

  // The reason is the server's, word for word.
  await page.keyboard.press('Escape');
  assert.equal(await publish(server.port, 'private-portal', 'Misaddressed', {}), 200);
  await page.getByRole('option').getByText('Misaddressed').click();
  await page.locator('.detail h2').getByText('Misaddressed').waitFor();
  assert.equal(await page.locator('.detail .verdict').innerText(), 'Nobody was subscribed to private-portal.');
  await page.locator('.causes').getByText("1 socket was on portal, but the event went to private-portal.").waitFor();
  await page.locator('.causes').getByText("Broadcast on new Channel('portal'), or subscribe with Echo.private('portal').").waitFor();
  await page.locator('.hears').getByRole('button', { name: 'Copy' }).click();
  await page.locator('.hears').getByRole('button', { name: 'Copied' }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), "Echo.private('portal')\n  .listen('.Misaddressed', console.log);");
  assert.deepEqual(wrong, []);
  await close();
});

test('what is copied works when pasted, whatever the names are', { timeout: 60_000 }, async () => {
  const [id, key, secret] = ["it's #1 $HOME", 'key `id` "<b>', '\\ s3cret $(id) \' " ü'];
  const odd = await echolab({ settings: { REVERB_APP_ID: id, REVERB_APP_KEY: key, REVERB_APP_SECRET: secret, REVERB_HOST: 'localhost' } });
  const { page, wrong, close } = await open(chrome, odd.url);
  try {
    await page.getByText('REVERB_HOST=localhost').waitFor();
    await page.locator('.empty').getByRole('button', { name: 'Copy' }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(copied, /http:\/\/localhost:/);
    assert.equal(execFileSync('bash', ['-c', copied], { encoding: 'utf8' }), '{}');
    await page.getByRole('option').getByText('hello', { exact: true }).click();
    assert.match(await page.locator('.payload').innerText(), /"Hello from curl"/);
    assert.deepEqual(wrong, []);
  } finally {
    await close();
    await odd.stop();
  }
});
