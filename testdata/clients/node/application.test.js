// No application beside the server: Echolab's own says who may listen to what.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { heard, until } from '../support/heard.js'
import { masterKey } from '../support/laravel.js'
import { connection, stage, subscribed } from '../support/stage.js'

const config = `auth:
  encryption_key: base64:${masterKey}
`

// alone is a stage whose clients ask the server itself. Their user is a bearer token or an id of the built-in cast.
async function alone(t, options = {}) {
  const made = await stage(t, { config, ...options })
  const own = (user, more) => ({
    authEndpoint: `${made.server.url}/broadcasting/auth`,
    userAuthentication: { endpoint: `${made.server.url}/broadcasting/user-auth`, headers: user ? { Authorization: `Bearer ${user}` } : {} },
    ...more,
  })
  return { ...made, connected: (user, more) => made.connected(user, own(user, more)) }
}

const ada = 'ada-token' // admin
const grace = '7' // of client 5

test('private: the admin and who belongs to the client; nobody else', async (t) => {
  const { application, connected, pusher } = await alone(t)
  const hears = []
  for (const user of [ada, grace]) {
    const events = heard()
    await subscribed((await connected(user)).private('client.5').listen('.InvoiceCreated', events))
    hears.push(events)
  }
  for (const user of ['8', '', 'nobody']) {
    const refusals = heard()
    const echo = await connected(user)
    echo.private('client.5').error(refusals)
    const refusal = await refusals.first()
    assert.equal(refusal.type, 'AuthError')
    assert.equal(refusal.status, 403)
  }
  await pusher.trigger('private-client.5', 'InvoiceCreated', { id: 42 })
  for (const events of hears) assert.deepEqual(await events.first(), { id: 42 })
  assert.deepEqual(application.counts, {})
})

test('presence: members are what the rule says, however often they join', async (t) => {
  const { connected } = await alone(t)
  const [first, second] = [await connected(ada), await connected(grace)]
  const [here, joining, leaving, present] = [heard(), heard(), heard(), heard()]
  await subscribed(first.join('presence-project.7').here(here).joining(joining).leaving(leaving))
  const member = { id: 1, name: 'Ada Lindqvist', avatar: '/avatars/1.svg' }
  assert.deepEqual(await here.first(), [member])
  await subscribed(second.join('presence-project.7').here(present))
  assert.equal((await joining.first()).name, 'Grace Hopper')
  assert.deepEqual((await present.first()).map(({ name }) => name).sort(), ['Ada Lindqvist', 'Grace Hopper'])
  second.leave('presence-project.7')
  assert.equal((await leaving.first()).id, 7)
})

test('encrypted: the secret is the one that the application encrypts with', async (t) => {
  const { connected, pusher } = await alone(t, {
    config: `${config}channels:\n  - pattern: vault.{id}\n    params: {id: int}\n    rule: user.isAdmin and id == 9\n`,
  })
  const [first, second] = [await connected(ada), await connected(grace)]
  const [opened, refusals] = [heard(), heard()]
  await subscribed(first.encryptedPrivate('vault.9').listen('.Opened', opened))
  second.encryptedPrivate('vault.9').error(refusals)
  assert.equal((await refusals.first()).status, 403)
  await pusher.trigger('private-encrypted-vault.9', 'Opened', { secret: '42 / ü' })
  assert.deepEqual(await opened.first(), { secret: '42 / ü' })
})

test('user authentication: the id is text, as pusher-js wants it', async (t) => {
  const { connected, pusher } = await alone(t, { flags: ['--profile', 'pusher'] })
  const echo = await connected(grace)
  const frames = heard()
  connection(echo).bind('message', frames)
  echo.connector.signin()
  await frames.next(({ event }) => event === 'pusher:signin_success')
  await echo.connector.pusher.user.signinDonePromise
  assert.equal(echo.connector.pusher.user.user_data.id, '7')
  const notes = heard()
  echo.connector.pusher.user.bind('note', notes)
  await until(async () => (await pusher.sendToUser('7', 'note', { n: 1 })) && notes.calls.length)
})

test('a logged-in session outlives a restart', async (t) => {
  const { server } = await alone(t)
  const login = await fetch(`${server.url}/login`, { method: 'POST', body: new URLSearchParams({ user: '7' }) })
  const cookie = login.headers.get('set-cookie').split(';')[0]
  const who = async () => (await (await fetch(`${server.url}/api/user`, { headers: { cookie } })).json()).name
  assert.equal(await who(), 'Grace Hopper')
  await server.restart()
  assert.equal(await who(), 'Grace Hopper')
})
