// Takes the README's picture: "npm run picture". Two minutes of a made-up afternoon, always the same.
import { mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { browser, fixture, open, root } from './support.mjs';

const file = resolve(root, 'build/images/live.png');
const server = await fixture();
const start = Date.now() - 112_400;
let at = 0;
const say = (after, entry, times = 1) => {
  at += after;
  server.append({ At: new Date(start + at).toISOString(), ...entry }, { Times: times });
};
let seed = 7;
const random = (n) => (seed = (seed * 16807) % 2147483647) % n;

const [ada, bo] = ['481516.2342', '108271.8281'];
say(0, { Kind: 'started', Note: '127.0.0.1:8080' });
for (const [socket, user, name] of [[ada, '7', 'Ada'], [bo, '8', 'Bo']]) {
  say(2400, { Kind: 'opened', Source: 'client', Socket: socket, Note: 'http://localhost:5173' });
  say(180, { Kind: 'subscribed', Source: 'client', Socket: socket, Channel: `private-client.${user}`, Count: 1 });
  say(40, { Kind: 'subscribed', Source: 'client', Socket: socket, Channel: 'presence-project.1', User: user, Count: Number(user) - 6 });
  say(0, { Kind: 'joined', Source: 'client', Socket: socket, Channel: 'presence-project.1', User: user, Count: Number(user) - 6, Data: { id: Number(user), name } });
}
const events = ['TicketUpdated', 'InvoiceCreated', 'CommentAdded', 'ProjectUpdated'];
while (at < 104_000) {
  say(300 + random(1900), { Kind: 'published', Source: 'http', Channel: `private-client.${7 + random(2)}`, Event: events[random(4)], Data: { id: 1000 + random(900), state: 'open' }, Count: 1 }, 1 + random(5));
  if (random(5) === 0) say(90, { Kind: 'whispered', Source: 'client', Socket: ada, User: '7', Channel: 'presence-project.1', Event: 'client-typing', Data: { user: 'Ada', on: true }, Count: 1 });
  if (random(7) === 0) say(60, { Kind: 'published', Source: 'http', Channel: `client.${7 + random(2)}`, Event: 'InvoiceCreated', Data: { id: 42 }, Count: 0 });
  if (random(19) === 0) say(60, { Kind: 'refused', Source: 'client', Socket: bo, Event: 'pusher:subscribe', Channel: 'private-client.9', Note: '4009 Connection is unauthorized' });
}
say(900, { Kind: 'published', Source: 'http', Channel: 'presence-project.1', Event: 'TaskMoved', Data: { task: 311, from: 'doing', to: 'done', by: 'Bo' }, Count: 2 });
say(700, { Kind: 'whispered', Source: 'client', Socket: ada, User: '7', Channel: 'presence-project.1', Event: 'client-typing', Data: { user: 'Ada', on: true }, Count: 1 });
say(1100, { Kind: 'published', Source: 'http', Channel: 'private-client.7', Event: 'InvoiceCreated', Data: { id: 41, invoice_number: 'INV-0041', total: '980.00' }, Count: 1 });
say(1300, { Kind: 'refused', Source: 'client', Socket: bo, Event: 'pusher:subscribe', Channel: 'private-client.9', Note: '4009 Connection is unauthorized' });
say(800, { Kind: 'published', Source: 'http', Channel: 'private-encrypted-vault.9', Event: 'SecretRotated', Data: { nonce: 'u4bM', ciphertext: 'i3erQz8' }, Count: 1 });
say(900, { Kind: 'published', Source: 'http', Channel: 'client.7', Event: 'InvoiceCreated', Data: { id: 42, client_id: 7, invoice_number: 'INV-0042', total: '1250.00', currency: 'EUR', due_at: '2026-02-04', lines: [{ sku: 'A-1', quantity: 3, price: '400.00' }], paid: false }, Count: 0 });
say(700, { Kind: 'published', Source: 'http', Channel: 'cache-rates', Event: 'RatesUpdated', Data: { EUR: 1, USD: 1.0834, JPY: 161.22 }, Count: 2 });
say(600, { Kind: 'published', Source: 'http', Channel: 'private-client.8', Event: 'TicketUpdated', Data: { id: 1207, state: 'closed' }, Count: 1 });
server.say({ Status: { version: '0.1.0', started_at: new Date(start).toISOString(), profile: 'reverb', server: { host: '127.0.0.1', port: 8080, path: '', url: 'http://127.0.0.1:8080' }, apps: [{ id: 'client-portal', key: 'local-reverb-key', connections: 2, channels: 3, subscribed: 2 }], store: { state: 'ok' } } });

const chrome = await browser();
const { page, close } = await open(chrome, server.url);
await page.getByRole('option').getByText('nobody').last().click();
await page.getByText("broadcast on PrivateChannel('client.7')").waitFor();
await page.mouse.move(640, 5);
mkdirSync(dirname(file), { recursive: true });
await page.screenshot({ path: file });
await close();
await chrome.close();
await server.stop();
