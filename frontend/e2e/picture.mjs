// Takes the README's picture: "npm run picture". Two minutes of a made-up afternoon on a real server, sockets included.
import { createHmac } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { browser, echolab, open, publish, root } from './support.mjs';

const file = resolve(root, 'build/images/live.png');
const [key, secret] = ['local-reverb-key', 'local-reverb-secret'];
const server = await echolab({ port: 8080, db: 'events.sqlite' });
const chrome = await browser();

// The sockets live in a page of their own: the policy of ours lets it talk to its own listener only.
const clients = await (await chrome.newContext()).newPage();
await clients.goto(`http://127.0.0.1:${server.port}/up`);

/** Connects a user's socket, for send() to use by the user's name. */
async function connect(name) {
  return clients.evaluate(([name, port, key]) => new Promise((done) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/app/${key}?protocol=7&client=js&version=8.6.0`);
    window[name] = socket;
    socket.onmessage = (m) => {
      const { event, data } = JSON.parse(m.data);
      if (event === 'pusher:connection_established') done(JSON.parse(data).socket_id);
    };
  }), [name, server.port, key]);
}

const send = (name, message) => clients.evaluate(([name, text]) => window[name].send(text), [name, JSON.stringify(message)]);

function subscribe(name, socket, channel, member) {
  const data = { channel };
  if (member) data.channel_data = JSON.stringify({ user_id: member.id, user_info: { name: member.name } });
  const text = [socket, channel, data.channel_data].filter(Boolean).join(':');
  if (/^(private|presence)/.test(channel)) data.auth = `${key}:${createHmac('sha256', secret).update(text).digest('hex')}`;
  return send(name, { event: 'pusher:subscribe', data });
}

/** Asks for somebody else's channel, as a stale tab does. */
const trespass = (name) => send(name, { event: 'pusher:subscribe', data: { channel: 'private-client.9', auth: `${key}:nope` } });
const typing = () => send('ada', { event: 'client-typing', channel: 'presence-project.1', data: { user: 'Ada', on: true } });
const say = (channel, event, data) => publish(server.port, channel, event, data);

let seed = 7;
const random = (n) => (seed = (seed * 16807) % 2147483647) % n;

for (const [name, id] of [['ada', '7'], ['bo', '8']]) {
  await pause(1500);
  const socket = await connect(name);
  await pause(180);
  await subscribe(name, socket, `private-client.${id}`);
  await subscribe(name, socket, 'presence-project.1', { id, name: name === 'ada' ? 'Ada' : 'Bo' });
  await subscribe(name, socket, 'cache-rates');
  if (name === 'ada') await subscribe(name, socket, 'private-encrypted-vault.9');
}
const events = ['TicketUpdated', 'InvoiceCreated', 'CommentAdded', 'ProjectUpdated'];
const until = Date.now() + 104_000;
while (Date.now() < until) {
  await pause(300 + random(1900));
  for (let n = 1 + random(5); n > 0; n--) await say(`private-client.${7 + random(2)}`, events[random(4)], { id: 1000 + random(900), state: 'open' });
  if (random(5) === 0) await typing();
  if (random(7) === 0) await say(`client.${7 + random(2)}`, 'InvoiceCreated', { id: 42 });
  if (random(19) === 0) await trespass('bo');
}
const end = [
  () => say('presence-project.1', 'TaskMoved', { task: 311, from: 'doing', to: 'done', by: 'Bo' }),
  typing,
  () => say('private-client.7', 'InvoiceCreated', { id: 41, invoice_number: 'INV-0041', total: '980.00' }),
  () => trespass('bo'),
  () => say('private-encrypted-vault.9', 'SecretRotated', { nonce: 'u4bM', ciphertext: 'i3erQz8' }),
  () => say('client.7', 'InvoiceCreated', { id: 42, client_id: 7, invoice_number: 'INV-0042', total: '1250.00', currency: 'EUR', due_at: '2026-02-04', lines: [{ sku: 'A-1', quantity: 3, price: '400.00' }], paid: false }),
  () => say('cache-rates', 'RatesUpdated', { EUR: 1, USD: 1.0834, JPY: 161.22 }),
  () => say('private-client.8', 'TicketUpdated', { id: 1207, state: 'closed' }),
];
for (const next of end) {
  await pause(600 + random(700));
  await next();
}

const { page, close } = await open(chrome, server.url);
await page.getByRole('option').getByText('nobody').last().click();
await page.getByText("Broadcast on new PrivateChannel('client.7')").waitFor();
await page.mouse.move(640, 5);
mkdirSync(dirname(file), { recursive: true });
await page.screenshot({ path: file });
await close();
await chrome.close();
await server.stop();
