// Connecting, being refused, and coming back.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { app } from '../support/echolab.js'
import { heard, pause, until } from '../support/heard.js'
import { connection, established, stage, subscribed } from '../support/stage.js'

test('a client connects, learns its socket id and says so', async (t) => {
  const { echo } = await stage(t)
  const ada = echo('ada')
  const states = heard()
  const statuses = heard()
  connection(ada).bind('state_change', states)
  ada.connector.onConnectionChange(statuses)
  assert.match(await established(ada), /^\d+\.\d+$/)
  assert.deepEqual(states.calls.map(([{ previous, current }]) => [previous, current]), [['connecting', 'connected']])
  assert.equal(ada.connectionStatus(), 'connected')
  assert.ok(statuses.calls.flat().includes('connected'))
  ada.disconnect()
  assert.equal(ada.connectionStatus(), 'disconnected')
})

test('two tabs have two socket ids', async (t) => {
  const { connected } = await stage(t)
  const [one, two] = [await connected('ada'), await connected('ada')]
  assert.notEqual(one.socketId(), two.socketId())
})

test('an unknown key is refused with 4001 and not tried again', async (t) => {
  const { echo } = await stage(t)
  await refused(echo('ada', { key: 'no-such-key' }), 4001)
})

test('an origin that is not allowed is refused with 4009 and not tried again', async (t) => {
  const { echo } = await stage(t, { env: { ...credentials, REVERB_ALLOWED_ORIGINS: 'portal.test' } })
  await refused(echo('ada'), 4009)
})

test('a socket over the quota is refused with 4004 and not tried again', async (t) => {
  const { connected, echo } = await stage(t, { env: { ...credentials, REVERB_APP_MAX_CONNECTIONS: '1' } })
  const ada = await connected('ada')
  await subscribed(ada.channel('portal'))
  await refused(echo('bo'), 4004)
})

// The application as a .env names it; with it come its REVERB_APP_* limits.
const credentials = { REVERB_APP_ID: app.id, REVERB_APP_KEY: app.key, REVERB_APP_SECRET: app.secret }

async function refused(client, code) {
  const errors = heard()
  const states = heard()
  connection(client).bind('error', errors)
  connection(client).bind('state_change', states)
  const [error] = await errors.next()
  assert.equal(error.data?.code ?? error.error?.data?.code, code, JSON.stringify(error))
  await until(() => connection(client).state === 'disconnected')
  const before = states.calls.length
  await pause(1500) // a client that means to come back does so after 1 s
  assert.equal(states.calls.length, before)
  assert.equal(client.connectionStatus(), 'disconnected')
}

test('a client comes back after a restart, subscribes again and hears who is here', async (t) => {
  const { application, connected, pusher, server } = await stage(t)
  const ada = await connected('ada')
  const bo = await connected('bo')
  const here = heard()
  const invoices = heard()
  const room = ada.join('project.1').here(here)
  const client = ada.private('client.5').listen('.InvoiceCreated', invoices)
  await subscribed(room, client, bo.join('project.1'))
  await here.next()
  const socket = ada.socketId()
  const again = heard()
  connection(ada).bind('connected', again)
  const boHere = heard()
  bo.join('project.1').here(boHere)
  await server.restart()
  await again.next()
  assert.notEqual(ada.socketId(), socket)
  await here.next()
  await boHere.next()
  await until(async () => (await pusher.get({ path: '/channels/presence-project.1/users' }).then((r) => r.json())).users.length === 2)
  await until(() => client.subscription.subscribed)
  await pusher.trigger('private-client.5', 'InvoiceCreated', { id: 42 })
  assert.deepEqual(await invoices.first(), { id: 42 })
  assert.equal(application.counts['/broadcasting/auth'], 6)
})

test('disconnect ends the socket, connect brings the channels back', async (t) => {
  const { connected, get, pusher } = await stage(t)
  const ada = await connected('ada')
  const events = heard()
  const portal = ada.channel('portal').listen('.E', events)
  await subscribed(portal)
  ada.disconnect()
  await until(async () => !(await get('/channels/portal')).occupied)
  const confirmed = heard()
  portal.subscribed(confirmed)
  ada.connector.pusher.connect()
  await confirmed.next()
  await pusher.trigger('portal', 'E', { n: 1 })
  assert.deepEqual(await events.first(), { n: 1 })
})

test('a reader that falls behind is closed, comes back, and nobody else waits for it', async (t) => {
  const { connected, get, pusher } = await stage(t, { env: { ...credentials, REVERB_MAX_REQUEST_SIZE: '4000000' } })
  const slow = await connected('ada')
  const quick = await connected('bo')
  const events = heard()
  await subscribed(slow.channel('feed'), quick.channel('feed').listen('.Big', events))
  const back = heard()
  connection(slow).bind('connected', back)
  const stream = connection(slow).connection.transport.socket._stream
  stream.pause()
  const big = 'x'.repeat(1_000_000)
  let sent = 0
  // The kernel takes some megabytes off the server's hands before its own queue grows.
  while ((await get('/channels/feed', { info: 'subscription_count' })).subscription_count === 2 && sent < 100) {
    await pusher.trigger('feed', 'Big', { n: ++sent, big })
    assert.equal((await events.first()).n, sent)
  }
  assert.ok(sent < 100, 'the slow reader was never closed')
  stream.resume()
  await back.next()
  await until(async () => (await get('/channels/feed', { info: 'subscription_count' })).subscription_count === 2)
})
