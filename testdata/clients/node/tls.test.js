// wss and https, with a client that trusts the CA and one that does not.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { secured } from '../support/tls.js'

const script = fileURLToPath(new URL('../support/wss-client.js', import.meta.url))

async function client(url, env) {
  const child = spawn(process.execPath, [script, url], { env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'pipe', 'ignore'] })
  let said = ''
  child.stdout.on('data', (text) => { said += text })
  const code = await new Promise((resolve) => child.once('close', resolve))
  return { code, said: said.trim() }
}

test('a client that trusts the CA subscribes over wss and publishes over https', async (t) => {
  const { server, told } = await secured(t)
  assert.match(server.url, /^https:/)
  const [line] = told.trust.find(({ for: who }) => who === 'Node.js').lines
  const [name, value] = line.split('=')
  assert.deepEqual(await client(server.url, { [name]: value }), { code: 0, said: 'heard {"id":42}' })
})

test('a client that does not trust the CA does not connect', async (t) => {
  const { server } = await secured(t)
  const { code, said } = await client(server.url, {})
  assert.equal(code, 1)
  assert.match(said, /^refused/)
})
