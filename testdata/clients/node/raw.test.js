// A bare WebSocket (npm ws): what the Pusher libraries hide.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import WebSocket from 'ws'
import { app } from '../support/echolab.js'
import { heard } from '../support/heard.js'
import { stage, subscribed } from '../support/stage.js'

const open = (server) => new WebSocket(`${server.url.replace('http', 'ws')}/app/${app.key}?protocol=7&client=js&version=8.6.0&flash=false`)

test('the upgrade offers nothing that Reverb does not', async (t) => {
  const { server } = await stage(t)
  const socket = open(server)
  const first = once(socket, 'message')
  const [response] = await once(socket, 'upgrade')
  assert.equal(response.headers['x-powered-by'], 'Laravel Reverb')
  assert.equal(socket.extensions, '')
  assert.equal(socket.protocol, '')
  await first
  socket.close()
  await once(socket, 'close')
})

// soketi 1.6 ends its process on the first of these.
const hostile = [
  '{"event":"pusher:subscribe","data":null}',
  '{"event":"pusher:subscribe","data":{"channel":null}}',
  '{"event":"pusher:subscribe","data":{"channel":{"a":1}}}',
  '{"event":"pusher:subscribe","data":{"channel":"presence-x","channel_data":"null","auth":":"}}',
  '{"event":"pusher:subscribe","data":[[[[]]]]}',
  '{"event":"pusher:unsubscribe","data":null}',
  '{"event":"pusher:signin","data":null}',
  '{"event":"client-x","channel":null,"data":{}}',
  '{"event":"client-x","channel":["a"],"data":{}}',
  '{"event":{"toString":1}}',
  '{"__proto__":{"event":"pusher:ping"}}',
  '['.repeat(4000),
  '{"event":"pusher:ping","data":'.repeat(300),
  '\u0000',
  '{"event":"pusher:subscribe","data":{"channel":"' + '\\u0000'.repeat(500) + '"}}',
]

for (const profile of ['reverb', 'pusher']) {
  test(`hostile messages harm nobody (${profile})`, async (t) => {
    const { connected, pusher, server } = await stage(t, { flags: ['--profile', profile] })
    const ada = await connected('ada')
    const events = heard()
    await subscribed(ada.channel('portal').listen('.E', events))
    for (const message of hostile) {
      const socket = open(server)
      await once(socket, 'message')
      socket.send(message)
      const answered = Promise.race([once(socket, 'pong'), once(socket, 'close')])
      socket.ping()
      await answered
      socket.terminate()
      await pusher.trigger('portal', 'E', { after: message.slice(0, 40) })
      assert.deepEqual(await events.first(), { after: message.slice(0, 40) })
    }
  })
}

test('a message that is too large closes with 1009', async (t) => {
  const { server } = await stage(t)
  const socket = open(server)
  await once(socket, 'message')
  socket.send(JSON.stringify({ event: 'pusher:ping', data: { pad: 'x'.repeat(10_000) } }))
  const [code, reason] = await once(socket, 'close')
  assert.deepEqual([code, reason.toString()], [1009, 'Maximum message size exceeded'])
})
