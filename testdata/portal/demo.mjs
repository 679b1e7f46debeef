// "make demo": Echolab as the back end, the portal in front of it, two links to open as two users. Flags go to "echolab serve".
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { root } from './portal.mjs'

const binary = process.env.ECHOLAB_BIN ?? join(root, 'bin/echolab')
if (!existsSync(binary)) fail(`${binary} is not there: run "make build", or set ECHOLAB_BIN.`)

const server = spawn(binary, ['serve', '--json', '--db', ':memory:', ...process.argv.slice(2)], {
  stdio: ['ignore', 'pipe', 'pipe'],
  detached: true, // Ctrl-C is ours to pass on, once
})
const ended = new Promise((resolve) => server.once('close', resolve))
createInterface({ input: server.stderr }).on('line', complain)
server.once('error', (error) => fail(`${binary} does not start: ${error.message}`))
const ready = await Promise.race([firstLine(server.stdout), ended.then(() => null)])
if (!ready) process.exit(server.exitCode || 1) // it has said why

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => server.kill('SIGTERM'))
let served
try {
  const { portal } = await import('./portal.mjs')
  served = await portal(ready.server, 5173)
} catch (error) {
  server.kill('SIGTERM')
  await ended
  fail(`The portal can't be built: ${error.message}`)
}

const at = ready.ui === 'http://127.0.0.1:8089' ? '' : ` --api ${ready.ui}`
console.log(`
Open these two beside each other, and type, point and click in one:

  Ada Lindqvist, admin       ${served.url}/?user=1
  Grace Hopper, a client     ${served.url}/?user=7

Then let something happen, in another terminal:

  bin/echolab emit InvoiceCreated --client 5 --set total=99.50${at}

Everything that passes: ${ready.ui}
Ctrl-C ends it.
`)
const code = await ended
await served.stop()
process.exit(code ?? 0)

async function firstLine(stream) {
  for await (const line of createInterface({ input: stream })) return JSON.parse(line)
}

// With --json the log and the last word are objects. What needs nobody is left out.
function complain(line) {
  let said
  try {
    said = JSON.parse(line)
  } catch {
    said = { message: line }
  }
  const { time, level, msg, message, ...more } = said
  if (message) console.error(message)
  else if (level === 'WARN' || level === 'ERROR') console.error(`${level.toLowerCase()}: ${msg}`, Object.keys(more).length ? more : '')
}

function fail(why) {
  console.error(why)
  process.exit(1)
}
