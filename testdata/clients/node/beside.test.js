// Real clients and virtual ones on one server: they meet, hear and see each other as if all were of one kind.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request as forward } from 'node:http'
import { test } from 'node:test'
import WebSocket, { WebSocketServer } from 'ws'
import { heard, until } from '../support/heard.js'
import { masterKey, users } from '../support/laravel.js'
import { echolab, play, why } from '../support/run.js'
import { established, stage, subscribed } from '../support/stage.js'

// A busy machine is no failure here: what these tests are about is who gets what.
const patient = `
drain: 20s
health: {scheduleLag: 20s, gcPause: 20s, cpu: 2}
`

const passed = (run) => {
  assert.equal(run.result.verdict, 'passed', why(run))
  assert.equal(run.code, 0)
  assert.equal(run.result.delivery.delivered, run.result.delivery.expected)
  for (const e of run.result.expectations) assert.ok(e.held > 0 && e.failed === 0, why(run))
}

test('a browser sees virtual users come, whisper and go, and they see it', async (t) => {
  const { connected, pusher, server } = await stage(t)
  const ada = await connected('ada')
  const [here, joining, leaving, typing, invoices] = [heard(), heard(), heard(), heard(), heard()]
  const office = ada.join('office').here(here).joining(joining).leaving(leaving).listenForWhisper('typing', typing)
  await subscribed(office, ada.private('client.5').listen('.InvoiceCreated', invoices))
  assert.deepEqual(await here.first(), [users.ada])

  const running = play(server, `
name: beside
target: {shared: true}
scenarios:
  staff:
    executor: per-vu-iterations
    vus: 2
    user: {id: "{{ 100 + vu }}", info: {name: "Virtual {{ vu }}"}}
    setup:
      - connect
      - join: office
      - private: client.5
    steps:
      - expect: {channel: presence-office, members: 3, within: 20s}
      - expect: {channel: presence-office, member: "7", within: 20s}
      - whisper: {channel: presence-office, event: typing, data: {from: "{{ user.id }}"}}
      - expect: {channel: presence-office, event: client-answer, where: data.to == 'both', within: 20s}
      - publish: {channel: private-client.5, event: InvoiceCreated, payload: {by: "{{ user.id }}"}}
      - expect: {channel: private-client.5, event: InvoiceCreated, where: data.by == 'application', within: 20s}
${patient}`)

  const came = [await joining.first(undefined, 20_000), await joining.first()]
  assert.deepEqual(came.map(({ name }) => name).sort(), ['Virtual 1', 'Virtual 2'])
  // A whisper says whose it is, and holds what the scenario says, with the run's mark behind it.
  const whispers = [await typing.next(), await typing.next()]
  assert.deepEqual(whispers.map(([data, { user_id }]) => [data.from, user_id]).sort(), [['101', '101'], ['102', '102']])
  for (const [data] of whispers) assert.deepEqual(Object.keys(data), ['from', 'echolab'])
  office.whisper('answer', { to: 'both' })
  const published = [await invoices.first(), await invoices.first()]
  assert.deepEqual(published.map(({ by }) => by).sort(), ['101', '102'])
  await pusher.trigger('private-client.5', 'InvoiceCreated', { by: 'application' })

  const run = await running
  passed(run)
  assert.equal(run.result.presence.joins, 2)
  assert.equal(run.result.delivery.published, 2)
  const went = [await leaving.first(), await leaving.first()]
  assert.deepEqual(went.map(({ name }) => name).sort(), ['Virtual 1', 'Virtual 2'])
  assert.deepEqual([joining.calls.length, leaving.calls.length, typing.calls.length, invoices.calls.length], [2, 2, 2, 3])
})

test('a browser that comes and goes under a run is no ghost; without --shared it is', async (t) => {
  const { connected, server } = await stage(t)
  const scenario = `
name: company
scenarios:
  staff:
    executor: constant-vus
    vus: 3
    duration: 5s
    user: {id: "{{ 100 + vu }}"}
    setup: [connect, {join: office}]
${patient.replace('20s', '3s')}`
  for (const shared of [true, false]) {
    const running = play(server, scenario, shared ? ['--shared'] : [])
    const [ada, bo] = [await connected('ada'), await connected('bo')]
    const here = heard()
    await subscribed(ada.join('office'), bo.join('office').here(here))
    await until(async () => bo.connector.pusher.channel('presence-office').members.count === 5, 20_000)
    ada.leave('office')
    const run = await running
    bo.disconnect()
    if (shared) {
      passed(run)
      continue
    }
    assert.equal(run.code, 1, why(run))
    assert.equal(run.result.presence.ghosts, 3, why(run)) // each lists bo
    assert.match(run.result.warnings.join(), /none of the run's \([78](, [78])?\): if others use the server too, say so with --shared/)
  }
})

test('encrypted, both ways', async (t) => {
  const { connected, pusher, server } = await stage(t)
  const ada = await connected('ada')
  const opened = heard()
  await subscribed(ada.encryptedPrivate('vault.9').listen('.Opened', opened))
  const running = play(server, `
name: vault
target: {shared: true, encryptionKey: ${masterKey}}
scenarios:
  keepers:
    executor: per-vu-iterations
    vus: 1
    setup: [connect, {encrypted: vault.9}]
    steps:
      - publish: {channel: private-encrypted-vault.9, event: Opened, payload: {by: virtual}}
      - expect: {channel: private-encrypted-vault.9, event: Opened, where: data.by == 'application / ü', within: 20s}
${patient}`)
  assert.equal((await opened.first(undefined, 20_000)).by, 'virtual')
  await pusher.trigger('private-encrypted-vault.9', 'Opened', { by: 'application / ü' })
  passed(await running)
  assert.equal((await opened.first()).by, 'application / ü')
})

test('a notification of the application reaches both', async (t) => {
  const { connected, server } = await stage(t)
  const ada = await connected('ada')
  const notes = heard()
  await subscribed(ada.private('App.Models.User.7').notification(notes))
  const there = heard()
  await subscribed(ada.join('office').joining(there))
  const running = play(server, `
name: notified
target: {shared: true}
scenarios:
  people:
    executor: per-vu-iterations
    vus: 1
    user: {id: tab}
    setup: [connect, {private: App.Models.User.7}, {notification: private-App.Models.User.7}, {join: office}]
    steps:
      - expect:
          channel: private-App.Models.User.7
          event: Illuminate\\Notifications\\Events\\BroadcastNotificationCreated
          where: data.message == 'Client moved to new stage'
          within: 20s
${patient}`)
  await there.next(undefined, 20_000)
  const told = await echolab(['backend', 'notify', '7', '--message', 'Client moved to new stage', '--api', server.ui])
  assert.equal(told.code, 0, told.err)
  assert.equal((await notes.first()).message, 'Client moved to new stage')
  passed(await running)
})

// recorder stands between clients and the server, and writes down what each connection sends and is sent.
async function recorder(t, server) {
  const connections = []
  const { hostname, port } = new URL(server.url)
  const listener = createServer((request, response) => {
    request.pipe(forward({ hostname, port, path: request.url, method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers)
      answer.pipe(response)
    }))
  })
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  listener.on('upgrade', (request, socket, head) => sockets.handleUpgrade(request, socket, head, (down) => {
    const log = [`asks for ${request.url}`]
    const ended = once(down, 'close')
    connections.push({ log, ended })
    const up = new WebSocket(server.url.replace('http', 'ws') + request.url, { headers: { origin: request.headers.origin ?? '' }, perMessageDeflate: false })
    const opened = once(up, 'open')
    const chain = async (frame) => { await opened; up.send(frame.toString()) }
    down.on('message', (frame) => { log.push(`sends ${plain(frame)}`); chain(frame) })
    up.on('message', (frame) => { log.push(`gets ${plain(frame)}`); down.send(frame.toString()) })
    down.on('close', () => up.close()) // the code is the WebSocket library's: 1000 in Node, none in a browser
    up.on('close', () => down.close())
  }))
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  t.after(() => { sockets.clients.forEach((c) => c.terminate()); listener.close(); listener.closeAllConnections() })
  return { url: `http://127.0.0.1:${listener.address().port}`, port: listener.address().port, connections }
}

// plain is a frame without what differs between two connections: socket ids, signatures, the run's marks.
const plain = (frame) => frame.toString()
  .replaceAll(/(?<="socket_id\\":\\")[\d.]+/g, 'SOCKET')
  .replaceAll(/(?<=local-reverb-key:)[0-9a-f]{64}/g, 'SIGNATURE')
  .replaceAll(/,\\?"echolab\\?":\\?"[^"]*"/g, '')
  .replaceAll(/"(nonce|ciphertext)\\":\\"[^"]*\\"/g, '"$1\\":\\"SEALED\\"')

test('on the wire both are the same, but for ids and signatures', async (t) => {
  const { echo, pusher, server } = await stage(t)
  const between = await recorder(t, server)
  const event = (by) => pusher.trigger(by, 'InvoiceCreated', { id: 42, total: '1250.00' })

  const ada = echo('ada', { wsPort: between.port })
  await established(ada)
  await subscribed(ada.channel('portal'))
  const invoices = heard()
  await subscribed(ada.private('client.5').listen('.InvoiceCreated', invoices))
  await subscribed(ada.join('office'))
  ada.join('office').whisper('typing', { name: 'Ada', at: [1, 2] })
  await subscribed(ada.encryptedPrivate('vault.9'))
  await event('private-client.5')
  await invoices.next()
  ada.leave('client.5')
  ada.leave('office')
  const vault = heard()
  ada.encryptedPrivate('vault.9').listen('.InvoiceCreated', vault)
  await event('private-encrypted-vault.9')
  await vault.next()
  ada.disconnect()
  await between.connections[0].ended

  const running = play({ url: between.url }, `
name: wire
target: {encryptionKey: ${masterKey}}
scenarios:
  ada:
    executor: per-vu-iterations
    vus: 1
    user: {id: "7", info: {id: 7, name: Ada}}
    steps:
      - connect
      - channel: portal
      - private: client.5
      - listen: {channel: private-client.5, event: .InvoiceCreated}
      - join: office
      - whisper: {channel: presence-office, event: typing, data: {name: Ada, at: [1, 2]}}
      - encrypted: vault.9
      - publish: {channel: private-client.5, event: InvoiceCreated, payload: {id: 42, total: "1250.00"}}
      - expect: {channel: private-client.5, event: InvoiceCreated, within: 20s}
      - leave: client.5
      - leave: office
      - publish: {channel: private-encrypted-vault.9, event: InvoiceCreated, payload: {id: 42, total: "1250.00"}}
      - expect: {channel: private-encrypted-vault.9, event: InvoiceCreated, within: 20s}
      - disconnect
${patient}`)
  passed(await running)
  assert.equal(between.connections.length, 3, 'the run connects once before it starts, to see whether the key is right')
  await between.connections[2].ended
  // Each direction by itself: which of two messages that cross is seen first here is chance.
  const way = ({ log }, gets) => log.filter((line) => line.startsWith('gets') === gets)
  const [real, , virtual] = between.connections
  assert.equal(real.log.length, 15)
  assert.deepEqual(way(virtual, false), way(real, false))
  assert.deepEqual(way(virtual, true), way(real, true))
})
