// "make demo" as a process: what it prints works when it is pasted.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { folder, root } from '../portal.mjs'

test('the demo prints two links and a command that work, and ends with Ctrl-C', { timeout: 60_000 }, async () => {
  const demo = spawn(process.execPath, [join(folder, 'demo.mjs'), '--port', '0', '--ui-port', '0'], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NODE_OPTIONS: '' } })
  let complained = ''
  demo.stderr.on('data', (text) => (complained += text))
  const ended = new Promise((done) => demo.once('exit', done))
  try {
    const printed = []
    for await (const line of createInterface({ input: demo.stdout })) {
      printed.push(line.trim())
      if (line.startsWith('Ctrl-C')) break
    }
    const links = printed.flatMap((line) => line.match(/http:\S+\?user=\d+/) ?? [])
    assert.equal(links.length, 2, `${printed.join('\n')}\n${complained}`)
    for (const link of links) {
      assert.match(await (await fetch(link)).text(), /<title>Client portal<\/title>/)
      const me = await fetch(new URL('/api/user', link), { headers: { 'X-Echolab-User': new URL(link).searchParams.get('user') } })
      assert.equal(me.status, 200)
    }
    const [command, ...args] = printed.find((line) => line.startsWith('bin/echolab emit')).split(' ')
    const { stdout } = await promisify(execFile)(process.env.ECHOLAB_BIN ?? join(root, command), args, { cwd: root })
    assert.match(stdout, /InvoiceCreated on private-client\.5: nobody got it/)
  } finally {
    demo.kill('SIGINT')
  }
  assert.equal(await ended, 0, complained)
})
