// The real `pusher` library as a publisher.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import Pusher from 'pusher'
import { app } from '../support/echolab.js'
import { heard, until } from '../support/heard.js'
import { publisher } from '../support/laravel.js'
import { connection, stage, subscribed } from '../support/stage.js'

const json = (response) => response.json()

test('trigger on several channels reaches each subscriber once a channel', async (t) => {
  const { connected, pusher } = await stage(t)
  const ada = await connected('ada')
  const [one, two] = [heard(), heard()]
  await subscribed(ada.channel('a').listen('.E', one), ada.private('b').listen('.E', two))
  const response = await pusher.trigger(['a', 'private-b', 'nobody'], 'E', { n: 1 })
  assert.equal(response.status, 200)
  assert.deepEqual(await response.json(), {})
  assert.deepEqual(await one.first(), { n: 1 })
  assert.deepEqual(await two.first(), { n: 1 })
  assert.deepEqual([one.calls.length, two.calls.length], [1, 1])
})

test('a hundred channels in one call', async (t) => {
  const { connected, pusher } = await stage(t)
  const ada = await connected('ada')
  const events = heard()
  await subscribed(ada.channel('c99').listen('.E', events))
  await pusher.trigger(Array.from({ length: 100 }, (_, i) => `c${i}`), 'E', {})
  await events.next()
})

test('socket_id keeps the event from that socket', async (t) => {
  const { connected, pusher } = await stage(t)
  const [ada, bo] = [await connected('ada'), await connected('bo')]
  const [own, others] = [heard(), heard()]
  await subscribed(ada.channel('portal').listen('.E', own), bo.channel('portal').listen('.E', others))
  await pusher.trigger('portal', 'E', { n: 1 }, { socket_id: ada.socketId() })
  await pusher.trigger('portal', 'E', { n: 2 })
  assert.deepEqual(await own.first(), { n: 2 })
  assert.deepEqual([await others.first(), await others.first()], [{ n: 1 }, { n: 2 }])
})

test('toOthers by the X-Socket-Id that Echo gives to axios', async (t) => {
  const hooks = []
  globalThis.axios = Object.assign(() => {}, { interceptors: { request: { use: (hook) => hooks.push(hook) } } })
  t.after(() => { delete globalThis.axios })
  const { application, connected, pusher } = await stage(t)
  const ada = await connected('ada')
  const bo = await connected('bo')
  const [own, others] = [heard(), heard()]
  await subscribed(ada.private('project.1').listen('CommentAdded', own), bo.private('project.1').listen('CommentAdded', others))
  const { headers } = hooks[0]({ headers: {} })
  assert.equal(headers['X-Socket-Id'], ada.socketId())
  assert.equal((await fetch(`${application.url}/comments`, { method: 'POST', headers })).status, 201)
  assert.deepEqual(await others.first(), { comment: { id: 1 } })
  assert.equal((await fetch(`${application.url}/comments`, { method: 'POST' })).status, 201)
  await own.next()
  await others.next()
  assert.deepEqual([own.calls.length, others.calls.length], [1, 2])
})

test('triggerBatch keeps the order, takes socket_id per event and answers info', async (t) => {
  const { connected, pusher } = await stage(t)
  const [ada, bo] = [await connected('ada'), await connected('bo')]
  const [own, others] = [heard(), heard()]
  await subscribed(ada.channel('portal').listen('.E', own), bo.channel('portal').listen('.E', others))
  const batch = (n, more = {}) => ({ channel: 'portal', name: 'E', data: { n }, ...more })
  assert.equal((await pusher.triggerBatch([batch(1), batch(2, { socket_id: ada.socketId() }), batch(3)])).status, 200)
  for (const n of [1, 2, 3]) assert.deepEqual(await others.first(), { n })
  for (const n of [1, 3]) assert.deepEqual(await own.first(), { n })
  const answer = await json(await pusher.triggerBatch([batch(4, { info: 'subscription_count' }), batch(5)]))
  assert.deepEqual(answer, { batch: [{ subscription_count: 2 }, {}] })
})

test('info on trigger', async (t) => {
  const { connected, pusher } = await stage(t)
  const ada = await connected('ada')
  await subscribed(ada.join('room'), ada.channel('portal'))
  const answer = await json(await pusher.trigger(['presence-room', 'portal', 'nobody'], 'E', {}, { info: 'user_count,subscription_count' }))
  assert.deepEqual(answer.channels['presence-room'].user_count, 1)
  assert.deepEqual(answer.channels.portal, { subscription_count: 1 })
})

test('channels, channel and users', async (t) => {
  const { connected, get } = await stage(t)
  const [ada, bo] = [await connected('ada'), await connected('bo')]
  await subscribed(ada.join('room'), bo.join('room'), ada.channel('portal'), ada.private('client.5'))
  assert.deepEqual((await get('/channels', { filter_by_prefix: 'presence-', info: 'user_count' })).channels, { 'presence-room': { user_count: 2 } })
  assert.deepEqual(Object.keys((await get('/channels')).channels).sort(), ['portal', 'presence-room', 'private-client.5'])
  assert.deepEqual(await get('/channels/presence-room', { info: 'user_count' }), { occupied: true, user_count: 2 })
  assert.equal((await get('/channels/nobody')).occupied, false)
  assert.deepEqual((await get('/channels/presence-room/users')).users.map(({ id }) => String(id)).sort(), ['7', '8'])
  assert.deepEqual(await get('/connections'), { connections: 2 })
})

test('terminateUserConnections drops the sockets of a member, who comes back', async (t) => {
  const { connected, pusher } = await stage(t)
  const [ada, bo] = [await connected('ada'), await connected('bo')]
  const [leaving, joining, back] = [heard(), heard(), heard()]
  await subscribed(bo.join('room').leaving(leaving).joining(joining))
  await subscribed(ada.join('room'))
  await joining.next()
  connection(ada).bind('connected', back)
  const before = ada.socketId()
  assert.equal((await pusher.terminateUserConnections('7')).status, 200)
  assert.deepEqual((await leaving.first()).id, 7)
  await back.next()
  assert.notEqual(ada.socketId(), before)
  assert.deepEqual((await joining.first()).id, 7)
})

test('a wrong secret is 401, an unknown app 404, a bad body 422', async (t) => {
  const { pusher, server } = await stage(t)
  const status = (promise) => promise.then((response) => response.status, (error) => error.status)
  assert.equal(await status(publisher(server, { secret: 'wrong' }).trigger('portal', 'E', {})), 401)
  assert.equal(await status(publisher(server, { appId: 'nobody' }).trigger('portal', 'E', {})), 404)
  assert.equal(await status(pusher.post({ path: '/events', body: { name: 'E' } })), 422)
})

test('forURL works with a numeric app id', async (t) => {
  const { server } = await stage(t, { env: { REVERB_APP_ID: '424242', REVERB_APP_KEY: app.key, REVERB_APP_SECRET: app.secret } })
  const { host } = new URL(server.url)
  const pusher = Pusher.forURL(`http://${app.key}:${app.secret}@${host}/apps/424242`)
  assert.equal((await pusher.trigger('portal', 'E', {})).status, 200)
})

test('publishing one after the other keeps the order', async (t) => {
  const { connected, pusher } = await stage(t)
  const ada = await connected('ada')
  const events = heard()
  await subscribed(ada.channel('feed').listen('.E', events))
  for (let n = 0; n < 200; n++) await pusher.trigger('feed', 'E', { n })
  await until(() => events.calls.length === 200)
  assert.deepEqual(events.calls.map(([{ n }]) => n), Array.from({ length: 200 }, (_, n) => n))
})
