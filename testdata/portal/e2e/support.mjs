// What the acceptance test stands on: the built program as a process, the built portal, Chromium.
import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { chromium } from 'playwright-core'
import { root } from '../portal.mjs'

const binary = process.env.ECHOLAB_BIN ?? join(root, 'bin/echolab')

const places = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome', '/Applications/Chromium.app/Contents/MacOS/Chromium']

/** A real Chromium. */
export async function browser() {
  const executablePath = places.find((p) => p && existsSync(p))
  if (!executablePath) throw new Error('No Chromium found: install it, or set CHROMIUM to its path.')
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
}

/** Echolab on a database of its own, which kill() and start() keep, and its ports too. */
export async function echolab() {
  if (!existsSync(binary)) throw new Error(`${binary} is not there: run "make build", or set ECHOLAB_BIN.`)
  const folder = mkdtempSync(join(tmpdir(), 'echolab-portal-'))
  const { PATH, HOME, LOCALAPPDATA, SystemRoot } = process.env
  const env = { PATH, HOME, LOCALAPPDATA, SystemRoot }
  const server = {
    port: '0',
    uiPort: '0',
    async start() {
      const child = spawn(binary, ['serve', '--host', '127.0.0.1', '--port', server.port, '--ui-port', server.uiPort, '--db', join(folder, 'portal.sqlite'), '--json'],
        { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
      let said = ''
      child.stderr.on('data', (text) => (said += text))
      server.child = child
      server.ended = new Promise((done) => child.once('exit', done))
      const first = new Promise((done) => createInterface({ input: child.stdout }).once('line', done))
      const line = await Promise.race([first, server.ended.then((code) => { throw new Error(`echolab ended with ${code}:\n${said}`) })])
      const ready = JSON.parse(line)
      Object.assign(server, { url: ready.server, ui: ready.ui, port: new URL(ready.server).port, uiPort: new URL(ready.ui).port })
    },
    /** The end without goodbye. */
    async kill() {
      server.child.kill('SIGKILL')
      await server.ended
    },
    async stop() {
      server.child.kill('SIGTERM')
      await server.ended
      rmSync(folder, { recursive: true, force: true })
    },
    /** A command in the terminal, such as run('emit', 'InvoiceCreated'). */
    run: (...args) => promisify(execFile)(binary, [...args, '--api', server.ui], { cwd: folder, env }).then(({ stdout }) => stdout),
    /** A request of a user from somewhere else than a browser. */
    async as(user, method, path, body) {
      const response = await fetch(server.url + path, {
        method, body: body && JSON.stringify(body),
        headers: { 'X-Echolab-User': String(user), Accept: 'application/json', ...(body && { 'Content-Type': 'application/json' }) },
      })
      const text = await response.text()
      return { status: response.status, body: text ? JSON.parse(text) : null }
    },
  }
  await server.start()
  return server
}

export const wide = { width: 1280, height: 800 }

/** A window of its own as a user ('' is whoever has logged in), with what went wrong in it. */
export async function open(chrome, url, user, path = '', { viewport = wide, colorScheme = 'light' } = {}) {
  const context = await chrome.newContext({ viewport, colorScheme, reducedMotion: 'reduce' })
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  const wrong = []
  page.on('pageerror', (error) => wrong.push(error.message))
  page.on('console', (m) => ['error', 'warning'].includes(m.type()) && wrong.push(m.text()))
  await page.goto(`${url}/${user ? `?user=${user}` : ''}${path}`)
  return { page, wrong, close: () => context.close() }
}

/** Keeps a picture of a failure. */
export async function keepPicture(page, name) {
  const folder = join(root, '.cache/screens')
  mkdirSync(folder, { recursive: true })
  await page.screenshot({ path: join(folder, `portal-${name.replaceAll(/\W+/g, '-')}.png`) }).catch(() => {})
}
