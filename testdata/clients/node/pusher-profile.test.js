// What Pusher has and Reverb hasn't: --profile pusher, and webhooks in either profile.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { app } from '../support/echolab.js'
import { heard, pause, until } from '../support/heard.js'
import { publisher } from '../support/laravel.js'
import { connection, stage, subscribed } from '../support/stage.js'

const hosted = { flags: ['--profile', 'pusher'] }

const configured = (lines) => `apps:
  - id: ${app.id}
    key: ${app.key}
    secret: ${app.secret}
${lines.map((line) => `    ${line}\n`).join('')}`

// signedIn is a tab whose user the server knows.
async function signedIn({ connected }, user, more) {
  const echo = await connected(user, more)
  const { pusher } = echo.connector
  const done = heard()
  connection(echo).bind('message', done)
  echo.connector.signin()
  await done.next(({ event }) => event === 'pusher:signin_success')
  await pusher.user.signinDonePromise
  return echo
}

test('sign-in, and events to a user that reach every tab and nobody else', async (t) => {
  const made = await stage(t, hosted)
  const tabs = [await signedIn(made, 'ada'), await signedIn(made, 'ada')]
  const bo = await signedIn(made, 'bo')
  const hears = [...tabs, bo].map((echo) => {
    const notes = heard()
    echo.connector.pusher.user.bind('note', notes)
    return notes
  })
  await until(async () => (await made.pusher.sendToUser('7', 'note', { n: 0 })) && hears[0].calls.length && hears[1].calls.length)
  const others = heard()
  bo.connector.pusher.user.bind('note', others)
  await until(async () => (await made.pusher.sendToUser('8', 'note', { for: 'bo' })) && others.calls.length)
  assert.deepEqual(others.calls[0][0], { for: 'bo' })
  assert.deepEqual(hears[0].calls[0][0], { n: 0 })
  assert.ok(hears[2].calls.every(([data]) => data.for === 'bo'))
})

test('nobody else may subscribe to the events of a user', async (t) => {
  const made = await stage(t, hosted)
  const [bo, guest] = [await signedIn(made, 'bo'), await made.connected()]
  for (const echo of [bo, guest]) {
    const frames = heard()
    connection(echo).bind('message', frames)
    connection(echo).send_event('pusher:subscribe', { auth: '', channel: '#server-to-user-7' })
    const answer = await frames.first(({ channel, event }) => channel === '#server-to-user-7' || event === 'pusher:error')
    assert.notEqual(answer.event, 'pusher_internal:subscription_succeeded')
  }
})

test('terminateUserConnections sends away who is signed in, for good', async (t) => {
  const made = await stage(t, hosted)
  const [ada, bo] = [await signedIn(made, 'ada'), await signedIn(made, 'bo')]
  const states = heard()
  connection(ada).bind('state_change', states)
  await made.pusher.terminateUserConnections('7')
  await states.next(({ current }) => current === 'disconnected')
  await pause(1200)
  assert.equal(ada.connectionStatus(), 'disconnected')
  assert.equal(bo.connectionStatus(), 'connected')
})

test('watchlist: who is online at sign-in, comes and goes', async (t) => {
  const made = await stage(t, hosted)
  const bo = await signedIn(made, 'bo')
  const ada = await made.connected('ada', { userHeaders: { 'X-Watchlist': '8,9' } })
  const [online, offline] = [heard(), heard()]
  ada.connector.pusher.user.watchlist.bind('online', online)
  ada.connector.pusher.user.watchlist.bind('offline', offline)
  ada.connector.signin()
  assert.deepEqual((await online.first()).user_ids, ['8'])
  const cy = await signedIn(made, 'cy')
  assert.deepEqual((await online.first()).user_ids, ['9'])
  bo.disconnect()
  assert.deepEqual((await offline.first(({ user_ids }) => user_ids.includes('8'))).user_ids, ['8'])
  cy.disconnect()
  assert.deepEqual((await offline.first()).user_ids, ['9'])
})

test('a wrong signature reaches .error() of the channel', async (t) => {
  const { connected, pusher } = await stage(t, hosted)
  const ada = await connected('ada', {
    authorizer: () => ({ authorize: (socket, done) => done(null, pusher.authorizeChannel(socket, 'private-other')) }),
  })
  const refusals = heard()
  ada.private('client.5').error(refusals)
  assert.equal((await refusals.first()).status, 401)
})

test('subscription_count follows the subscribers', async (t) => {
  const { connected } = await stage(t, { ...hosted, config: configured(['subscription_count: true']) })
  const [ada, bo] = [await connected('ada'), await connected('bo')]
  const counts = heard()
  await subscribed(ada.channel('portal').on('pusher:subscription_count', counts))
  await subscribed(bo.channel('portal'))
  await counts.next(({ subscription_count: count }) => count === 2)
  bo.leave('portal')
  await counts.next(({ subscription_count: count }) => count === 1)
})

test('names that Pusher does not know as private need no signature', async (t) => {
  const { connected } = await stage(t, hosted)
  const guest = await connected()
  await subscribed(guest.channel('presence.online'), guest.channel('privateer'), guest.channel('cached-x'))
})

test('a cached event outlives its subscribers', async (t) => {
  const { connected, pusher } = await stage(t, hosted)
  await pusher.trigger('cache-rates', 'Rates', { eur: 2 })
  const ada = await connected()
  const rates = heard()
  ada.channel('cache-rates').listen('.Rates', rates)
  assert.deepEqual(await rates.first(), { eur: 2 })
})

test('a signature older than ten minutes is refused', async (t) => {
  const { pusher } = await stage(t, hosted)
  const now = Date.now
  t.after(() => { Date.now = now })
  Date.now = () => now() - 601_000
  const refused = await pusher.trigger('portal', 'E', {}).then(() => 200, (error) => error.status)
  Date.now = now
  assert.equal(refused, 401)
  assert.equal((await pusher.trigger('portal', 'E', {})).status, 200)
})

for (const profile of ['reverb', 'pusher']) {
  test(`webhooks in the profile ${profile}, as the pusher library validates them`, async (t) => {
    const received = heard()
    const receiver = createServer((request, response) => {
      let rawBody = ''
      request.on('data', (chunk) => { rawBody += chunk })
      request.on('end', () => {
        response.end()
        const hook = pusher.webhook({ headers: request.headers, rawBody })
        received({ valid: hook.isValid(), time: hook.getTime() }, hook.getEvents())
      })
    })
    await new Promise((resolve) => receiver.listen(0, '127.0.0.1', resolve))
    t.after(() => new Promise((resolve) => {
      receiver.close(resolve)
      receiver.closeAllConnections()
    }))
    const made = await stage(t, {
      flags: ['--profile', profile],
      config: configured([`webhooks:`, `  - url: http://127.0.0.1:${receiver.address().port}/hooks`]),
    })
    const pusher = publisher(made.server)
    const events = []
    const expected = async (wanted) => {
      const fits = (event) => Object.entries(wanted).every(([key, value]) => event[key] === value)
      while (!events.some(fits)) {
        const [check, news] = await received.next(() => true, 10_000)
        assert.ok(check.valid)
        assert.ok(Math.abs(check.time - Date.now()) < 60_000)
        events.push(...news)
      }
    }
    const [ada, bo] = [await made.connected('ada'), await made.connected('bo')]
    await subscribed(ada.join('room'), bo.join('room'), ada.channel('cache-x'))
    await expected({ name: 'channel_occupied', channel: 'presence-room' })
    await expected({ name: 'member_added', channel: 'presence-room', user_id: '7' })
    await expected({ name: 'member_added', channel: 'presence-room', user_id: '8' })
    await expected({ name: 'cache_miss', channel: 'cache-x' })
    ada.join('room').whisper('typing', { on: true })
    await expected({ name: 'client_event', channel: 'presence-room', event: 'client-typing', data: '{"on":true}', socket_id: ada.socketId(), user_id: '7' })
    bo.leave('room')
    await expected({ name: 'member_removed', channel: 'presence-room', user_id: '8' })
    ada.leave('room')
    await expected({ name: 'channel_vacated', channel: 'presence-room' })
  })
}
