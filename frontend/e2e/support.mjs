// What the browser tests stand on: the page's test server (testdata/page), the built program, and Chromium.
import { execFileSync, spawn } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

const places = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome', '/Applications/Chromium.app/Contents/MacOS/Chromium'];

/** A real Chromium. */
export async function browser() {
  const executablePath = places.find((p) => p && existsSync(p));
  if (!executablePath) throw new Error('No Chromium found: install it, or set CHROMIUM to its path.');
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

let built = '';

/** Starts the page's test server. say() sends it a command, see testdata/page/main.go. */
export async function fixture(...args) {
  if (!built) {
    built = resolve(root, '.cache/page');
    execFileSync('go', ['build', '-o', built, './testdata/page'], { cwd: root, stdio: 'inherit', env: { ...process.env, CGO_ENABLED: '0' } });
  }
  const child = spawn(built, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const url = await firstLine(child);
  return {
    url,
    port: new URL(url).port,
    say: (command) => child.stdin.write(`${JSON.stringify(command)}\n`),
    append: (entry, over = {}) => child.stdin.write(`${JSON.stringify({ Append: { App: 'client-portal', ...entry }, ...over })}\n`),
    stop: () => ended(child, 'SIGTERM'),
  };
}

/** Starts the built program as "make run" does, in an empty folder, with these settings and not the caller's. */
export async function echolab({ port = 0, settings = {}, db = ':memory:' } = {}) {
  const bin = process.env.ECHOLAB_BIN ?? resolve(root, 'bin/echolab');
  if (!existsSync(bin)) throw new Error(`${bin} is not there: run "make build", or set ECHOLAB_BIN.`);
  const { PATH, HOME, LOCALAPPDATA, SystemRoot } = process.env;
  const child = spawn(bin, ['serve', '--host', '127.0.0.1', '--port', `${port}`, '--ui-port', '0', '--db', db, '--json'], {
    cwd: mkdtempSync(join(tmpdir(), 'echolab-page-')),
    env: { PATH, HOME, LOCALAPPDATA, SystemRoot, ...settings },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ready = JSON.parse(await firstLine(child));
  return { url: ready.ui, port: new URL(ready.server).port, stop: () => ended(child, 'SIGTERM') };
}

/** Publishes over the signed HTTP API and returns the status. */
export async function publish(port, channel, event, data, app = { id: 'client-portal', key: 'local-reverb-key', secret: 'local-reverb-secret' }) {
  const body = JSON.stringify({ name: event, channel, data: JSON.stringify(data) });
  const path = `/apps/${app.id}/events`;
  const query = `auth_key=${app.key}&auth_timestamp=${Math.floor(Date.now() / 1000)}&auth_version=1.0&body_md5=${createHash('md5').update(body).digest('hex')}`;
  const signature = createHmac('sha256', app.secret).update(`POST\n${path}\n${query}`).digest('hex');
  const res = await fetch(`http://127.0.0.1:${port}${path}?${query}&auth_signature=${signature}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
  return res.status;
}

/** A page that remembers what went wrong in it. */
export async function open(chrome, url, { width = 1280, height = 800, colorScheme = 'dark' } = {}) {
  const context = await chrome.newContext({ viewport: { width, height }, colorScheme, permissions: ['clipboard-read', 'clipboard-write'] });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const wrong = [];
  page.on('pageerror', (error) => wrong.push(error.message));
  page.on('console', (m) => ['error', 'warning'].includes(m.type()) && wrong.push(m.text()));
  await page.goto(url);
  return { page, wrong, close: () => context.close() };
}

function firstLine(child) {
  return new Promise((done, failed) => {
    createInterface({ input: child.stdout }).once('line', done);
    child.once('exit', (code) => failed(new Error(`ended with ${code} before it said its address`)));
  });
}

function ended(child, signal) {
  return new Promise((done) => {
    if (child.exitCode !== null) return done(child.exitCode);
    child.once('exit', (code) => done(code));
    child.kill(signal);
  });
}
