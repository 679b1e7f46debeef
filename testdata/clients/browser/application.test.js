// The emulated application from a real browser: the cookie of /login on its own origin, a bearer token across origins.
import assert from 'node:assert/strict'
import { createServer, request as forward } from 'node:http'
import { test } from 'node:test'
import { app, start } from '../support/echolab.js'
import { launch, page, watched } from '../support/browser.js'
import { until } from '../support/heard.js'
import { laravel, masterKey, publisher } from '../support/laravel.js'

const config = `auth:
  encryption_key: base64:${masterKey}
channels:
  - {pattern: "client.{id}", params: {id: int}, rule: user.isAdmin or user.belongsTo(id)}
  - {pattern: "project.{id}", params: {id: int}, rule: true, member: {id: user.id, name: user.name}}
  - {pattern: "vault.{id}", rule: user.isAdmin}
`

async function stage(t, more = '') {
  const server = await start({ config: config.replace('auth:\n', `auth:\n${more}`) })
  const frontEnd = await laravel(server, { page }) // serves the page from another origin
  const portal = await proxied(server)
  const browser = await launch()
  t.after(async () => {
    await browser.close()
    await portal.stop()
    await frontEnd.stop()
    await server.stop()
  })
  return { server, frontEnd, portal, browser, pusher: publisher(server) }
}

// proxied is a front end as Vite's development server is one: its own files, and everything else from the application.
async function proxied(server) {
  const files = createServer(async (request, response) => {
    const file = await page(request.url === '/portal' ? '/' : request.url).catch(() => undefined)
    if (file) {
      response.writeHead(200, { 'Content-Type': file.type })
      return response.end(request.url === '/portal' ? '<!doctype html><title>Portal</title>' : file.body)
    }
    const { method, headers } = request
    request.pipe(forward(server.url + request.url, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers)
      answer.pipe(response)
    }))
  })
  await new Promise((resolve) => files.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${files.address().port}`,
    stop: () => new Promise((resolve) => {
      files.close(resolve)
      files.closeAllConnections()
    }),
  }
}

// listening opens a page with Echo and puts what happens into window.seen.
async function listening(tab, address, { server, authEndpoint, bearer }) {
  await tab.goto(address)
  await tab.addScriptTag({ url: '/modules/pusher-js/dist/web/pusher-with-encryption.js' })
  await tab.evaluate(async ([key, port, endpoint, token]) => {
    const { default: Echo } = await import('/modules/laravel-echo/dist/echo.js')
    window.seen = []
    window.Echo = new Echo({
      broadcaster: 'reverb', key, wsHost: '127.0.0.1', wsPort: port, forceTLS: false, enabledTransports: ['ws'],
      ...(endpoint && { authEndpoint: endpoint }), ...(token && { auth: { headers: { Authorization: `Bearer ${token}` } } }),
    })
    const note = (what) => (value) => window.seen.push([what, value?.status ?? value])
    window.Echo.private('client.5').listen('.InvoiceCreated', note('invoice')).subscribed(note('private')).error(note('refused'))
    window.Echo.join('project.1').here(note('here'))
    window.Echo.encryptedPrivate('vault.9').listen('.Opened', note('opened')).subscribed(note('vault')).error(note('vault refused'))
  }, [app.key, server.port, authEndpoint, bearer])
}

const seen = (tab, what) => until(async () => (await tab.evaluate(() => window.seen)).find(([name]) => name === what), 10_000)
  .catch(async () => assert.fail(`no "${what}" in ${JSON.stringify(await tab.evaluate(() => window.seen))}`))

test('one click on /login, and Echo on the same origin is authorised by the cookie', async (t) => {
  const { server, portal, browser, pusher } = await stage(t)
  await watched(t, browser, async () => {
    const tab = await (await browser.newContext()).newPage()
    await tab.goto(`${portal.url}/login`)
    await tab.getByRole('button', { name: /Grace Hopper/ }).click()
    await tab.getByText('You are Grace Hopper').waitFor()
    await listening(tab, `${portal.url}/portal`, { server })
    await seen(tab, 'private')
    assert.deepEqual(await seen(tab, 'here'), ['here', [{ id: 7, name: 'Grace Hopper' }]])
    assert.deepEqual(await seen(tab, 'vault refused'), ['vault refused', 403])
    await pusher.trigger('private-client.5', 'InvoiceCreated', { id: 42 })
    assert.deepEqual(await seen(tab, 'invoice'), ['invoice', { id: 42 }])
    assert.equal(await tab.evaluate(() => document.cookie), '')

    await tab.goto(`${portal.url}/login`)
    await tab.getByRole('button', { name: /Hugo Martin/ }).click()
    await tab.getByText('You are Hugo Martin').waitFor()
    await listening(tab, `${portal.url}/portal`, { server })
    assert.deepEqual(await seen(tab, 'refused'), ['refused', 403])
  })
})

test('a front end of another origin with a bearer token: private, presence, encrypted', async (t) => {
  const { server, frontEnd, browser, pusher } = await stage(t)
  await watched(t, browser, async () => {
    const tab = await (await browser.newContext()).newPage()
    await listening(tab, frontEnd.url, { server, authEndpoint: `${server.url}/broadcasting/auth`, bearer: 'ada-token' })
    await seen(tab, 'private')
    assert.deepEqual(await seen(tab, 'here'), ['here', [{ id: 1, name: 'Ada Lindqvist' }]])
    await seen(tab, 'vault')
    await pusher.trigger('private-encrypted-vault.9', 'Opened', { secret: '42 / ü' })
    assert.deepEqual(await seen(tab, 'opened'), ['opened', { secret: '42 / ü' }])
    assert.equal(frontEnd.counts['/broadcasting/auth'], undefined)
  })
})

test('a guest is led to /login, and pusher-js takes the page for a broken answer', async (t) => {
  const { server, frontEnd, browser } = await stage(t, '  redirect_guests: true\n')
  await watched(t, browser, async () => {
    const tab = await (await browser.newContext()).newPage()
    await listening(tab, frontEnd.url, { server, authEndpoint: `${server.url}/broadcasting/auth` })
    assert.deepEqual(await seen(tab, 'refused'), ['refused', 200])
  })
})
