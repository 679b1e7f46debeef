// Every kind of channel, and what Echo offers on it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { heard, pause, until } from '../support/heard.js'
import { users } from '../support/laravel.js'
import { stage, subscribed } from '../support/stage.js'

const notificationCreated = 'Illuminate\\Notifications\\Events\\BroadcastNotificationCreated'

test('public: a guest listens; names follow the namespace', async (t) => {
  const { connected, pusher } = await stage(t)
  const guest = await connected()
  const [plain, spaced, all] = [heard(), heard(), heard()]
  await subscribed(guest.channel('portal').listen('.Announcement', plain).listen('Announcement', spaced).listenToAll(all))
  await pusher.trigger('portal', 'Announcement', { title: 'Grüße / "quotes"' })
  await pusher.trigger('portal', 'App\\Events\\Announcement', { id: 2 })
  assert.deepEqual(await plain.first(), { title: 'Grüße / "quotes"' })
  assert.deepEqual(await spaced.first(), { id: 2 })
  await all.next()
  await all.next()
  assert.deepEqual(all.calls.map(([name]) => name), ['.Announcement', 'Announcement'])
  assert.equal(plain.calls.length, 1)
})

test('data that is no object arrives as it was sent', async (t) => {
  const { connected, pusher } = await stage(t)
  const guest = await connected()
  const events = heard()
  await subscribed(guest.channel('portal').listen('.E', events))
  for (const data of ['plain text', [1, 2], { deep: { list: [null, 1.5] } }]) {
    await pusher.trigger('portal', 'E', data)
    assert.deepEqual(await events.first(), data)
  }
})

test('stopListening and stopListeningToAll take listeners off', async (t) => {
  const { connected, pusher } = await stage(t)
  const guest = await connected()
  const [one, two, all] = [heard(), heard(), heard()]
  const portal = guest.channel('portal').listen('.E', one).listen('.E', two).listenToAll(all)
  await subscribed(portal)
  portal.stopListening('.E', one)
  await pusher.trigger('portal', 'E', {})
  await two.next()
  portal.stopListening('.E').stopListeningToAll() // with a callback Echo 2.5 takes nothing off
  const last = heard()
  portal.listen('.Last', last)
  await pusher.trigger('portal', 'E', {})
  await pusher.trigger('portal', 'Last', {})
  await last.next()
  assert.deepEqual([one.calls.length, two.calls.length, all.calls.length], [0, 1, 1])
})

test('private: authorised by the application, refused without a user', async (t) => {
  const { application, connected, echo, pusher } = await stage(t)
  const ada = await connected('ada')
  const guest = await connected()
  const [events, refusals] = [heard(), heard()]
  await subscribed(ada.private('client.5').listen('.InvoiceCreated', events))
  guest.private('client.5').error(refusals)
  assert.equal((await refusals.first()).status, 403)
  await pusher.trigger('private-client.5', 'InvoiceCreated', { id: 42, total: '1250.00' })
  assert.deepEqual(await events.first(), { id: 42, total: '1250.00' })
  assert.equal(application.counts['/broadcasting/auth'], 2)
})

test('a signature for another channel is answered with 4009 on the connection', async (t) => {
  const { connected, pusher } = await stage(t)
  const ada = await connected('ada', {
    authorizer: (channel) => ({ authorize: (socket, done) => done(null, pusher.authorizeChannel(socket, 'private-other')) }),
  })
  const errors = heard()
  ada.connector.pusher.connection.bind('error', errors)
  ada.private('client.5')
  assert.deepEqual((await errors.first()).data, { code: 4009, message: 'Connection is unauthorized' })
  await subscribed(ada.channel('portal'))
})

test('presence: here, joining, leaving', async (t) => {
  const { connected } = await stage(t)
  const [ada, bo] = [await connected('ada'), await connected('bo')]
  const [here, joining, leaving, boHere] = [heard(), heard(), heard(), heard()]
  ada.join('project.1').here(here).joining(joining).leaving(leaving)
  assert.deepEqual(await here.first(), [users.ada])
  bo.join('project.1').here(boHere)
  assert.deepEqual(await boHere.first(), [users.ada, users.bo])
  assert.deepEqual(await joining.first(), users.bo)
  bo.leave('project.1')
  assert.deepEqual(await leaving.first(), users.bo)
  bo.join('project.1')
  assert.deepEqual(await joining.first(), users.bo)
  bo.disconnect()
  assert.deepEqual(await leaving.first(), users.bo)
})

test('presence: several tabs are one member, gone with the last', async (t) => {
  const { connected, get } = await stage(t)
  const bo = await connected('bo')
  const [joining, leaving, here] = [heard(), heard(), heard()]
  await subscribed(bo.join('project.1').joining(joining).leaving(leaving))
  const tabs = [await connected('ada'), await connected('ada'), await connected('ada')]
  for (const tab of tabs) await subscribed(tab.join('project.1').here(here))
  assert.deepEqual(await here.first(), [users.ada, users.bo])
  assert.deepEqual(await joining.first(), users.ada)
  assert.deepEqual(await get('/channels/presence-project.1', { info: 'user_count' }), { occupied: true, user_count: 2 })
  tabs[0].disconnect()
  tabs[1].leaveChannel('presence-project.1')
  const cy = await connected('cy')
  await subscribed(cy.join('project.1')) // by now the others are gone, and bo was not told
  assert.deepEqual(await joining.first(), users.cy)
  assert.equal(leaving.calls.length, 0)
  tabs[2].disconnect()
  assert.deepEqual(await leaving.first(), users.ada)
  assert.equal(joining.calls.length, 2)
})

test('a tab whose process dies leaves at once', async (t) => {
  const { connected } = await stage(t)
  const [ada, bo] = [await connected('ada'), await connected('bo')]
  const leaving = heard()
  await subscribed(ada.join('project.1').leaving(leaving), bo.join('project.1'))
  bo.connector.pusher.connection.connection.transport.socket._stream.destroy()
  assert.deepEqual(await leaving.first(), users.bo)
})

test('whispers reach the others and not the sender', async (t) => {
  const { connected } = await stage(t)
  const [ada, bo] = [await connected('ada'), await connected('bo')]
  for (const enter of [(echo) => echo.private('room'), (echo) => echo.join('room')]) {
    const [own, others] = [heard(), heard()]
    await subscribed(enter(ada).listenForWhisper('typing', own), enter(bo).listenForWhisper('typing', others))
    enter(ada).whisper('typing', { name: 'Ada', at: [1, 2] })
    assert.deepEqual(await others.first(), { name: 'Ada', at: [1, 2] })
    enter(bo).whisper('typing', { name: 'Bo' })
    assert.deepEqual(await own.first(), { name: 'Bo' })
    assert.deepEqual([own.calls.length, others.calls.length], [1, 1])
    enter(bo).stopListeningForWhisper('typing')
  }
})

test('presence: a whisper says whose it is', async (t) => {
  const { connected } = await stage(t)
  const [ada, bo] = [await connected('ada'), await connected('bo')]
  const typing = heard()
  await subscribed(ada.join('room'), bo.join('room').listenForWhisper('typing', typing))
  ada.join('room').whisper('typing', { on: true })
  const [data, metadata] = await typing.next()
  assert.deepEqual([data, metadata], [{ on: true }, { user_id: '7' }])
})

test('notification hears BroadcastNotificationCreated', async (t) => {
  const { connected, pusher } = await stage(t)
  const ada = await connected('ada')
  const notes = heard()
  const own = ada.private('App.Models.User.7').notification(notes)
  await subscribed(own)
  const note = { message: 'Client moved to new stage', id: '0c3f7c1e-3a7e-4f57-9d0a-1b2c3d4e5f60', type: 'App\\Notifications\\WorkflowNotification' }
  await pusher.trigger('private-App.Models.User.7', notificationCreated, note)
  assert.deepEqual(await notes.first(), note)
  own.stopListeningForNotification(notes)
  const last = heard()
  own.listen('.Last', last)
  await pusher.trigger('private-App.Models.User.7', notificationCreated, note)
  await pusher.trigger('private-App.Models.User.7', 'Last', {})
  await last.next()
  assert.equal(notes.calls.length, 1)
})

test('encrypted: only the clients read it', async (t) => {
  const { connected, pusher } = await stage(t)
  const [ada, bo] = [await connected('ada'), await connected('bo')]
  const [secrets, raw] = [heard(), heard()]
  await subscribed(ada.encryptedPrivate('vault.9').listen('.Opened', secrets), bo.encryptedPrivate('vault.9'))
  bo.connector.pusher.connection.bind('message', raw)
  await pusher.trigger('private-encrypted-vault.9', 'Opened', { secret: '42' })
  assert.deepEqual(await secrets.first(), { secret: '42' })
  const wire = await raw.first(({ event }) => event === 'Opened')
  assert.deepEqual(Object.keys(wire.data).sort(), ['ciphertext', 'nonce'])
})

test('cache: a miss, then the last event for newcomers', async (t) => {
  const { connected, pusher } = await stage(t)
  const [ada, bo] = [await connected('ada'), await connected('bo')]
  const [miss, rates, later] = [heard(), heard(), heard()]
  await subscribed(ada.channel('cache-rates').on('pusher:cache_miss', miss).listen('.Rates', rates))
  await miss.next()
  await pusher.trigger('cache-rates', 'Rates', { eur: 1 })
  await pusher.trigger('cache-rates', 'Rates', { eur: 2 })
  await rates.next(({ eur }) => eur === 2)
  bo.channel('cache-rates').listen('.Rates', later)
  assert.deepEqual(await later.first(), { eur: 2 })
  assert.equal(miss.calls.length, 1)
})

test('private and presence cache channels', async (t) => {
  const { connected, pusher } = await stage(t)
  const [ada, bo] = [await connected('ada'), await connected('bo')]
  for (const enter of [(echo) => echo.private('cache-x'), (echo) => echo.join('cache-x')]) {
    const [miss, events, here] = [heard(), heard(), heard()]
    const channel = enter(ada).on('pusher:cache_miss', miss)
    await subscribed(channel)
    await miss.next()
    await pusher.trigger(channel.name, 'E', { of: channel.name })
    const second = enter(bo).listen('.E', events)
    second.here?.(here)
    assert.deepEqual(await events.first(), { of: channel.name })
    if (second.here) assert.deepEqual(await here.first(), [users.ada, users.bo])
  }
})

test('leave, leaveChannel and leaveAllChannels unsubscribe', async (t) => {
  const { connected, get } = await stage(t)
  const ada = await connected('ada')
  const names = async () => Object.keys((await get('/channels')).channels).sort()
  await subscribed(ada.channel('a'), ada.private('a'), ada.join('a'), ada.encryptedPrivate('a'), ada.channel('b'), ada.private('c'))
  assert.deepEqual(await names(), ['a', 'b', 'presence-a', 'private-a', 'private-c', 'private-encrypted-a'])
  ada.leaveChannel('private-a')
  await until(async () => !(await names()).includes('private-a'))
  ada.leave('a')
  await until(async () => (await names()).length === 2)
  assert.deepEqual(await names(), ['b', 'private-c'])
  ada.leaveAllChannels()
  await until(async () => (await names()).length === 0)
})

test('leaving while the subscription is pending leaves nothing behind', async (t) => {
  const { connected, get } = await stage(t)
  const ada = await connected('ada')
  ada.private('client.5')
  ada.leave('client.5')
  await subscribed(ada.private('client.6'))
  await until(async () => Object.keys((await get('/channels')).channels).join() === 'private-client.6')
  await pause(50)
  assert.deepEqual((await get('/channels')).channels, { 'private-client.6': {} })
})
