// Echolab's main job, in a real browser: real laravel-echo and pusher-js in the page, the real pusher library publishing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { app, start } from '../support/echolab.js'
import { launch, page, watched } from '../support/browser.js'
import { until } from '../support/heard.js'
import { laravel, publisher } from '../support/laravel.js'

async function stage(t) {
  const server = await start()
  const application = await laravel(server, { page })
  const browser = await launch()
  t.after(async () => {
    await browser.close()
    await application.stop()
    await server.stop()
  })
  const address = (user) => `${application.url}/?${new URLSearchParams({ user, key: app.key, host: '127.0.0.1', port: server.port })}`
  return {
    application,
    browser,
    pusher: publisher(server),
    server,
    // tab opens the page for a user, in a window of its own.
    async tab(user) {
      const tab = await (await browser.newContext()).newPage()
      tab.on('pageerror', (error) => t.diagnostic(`page of ${user}: ${error}`))
      await tab.goto(address(user))
      return tab
    },
  }
}

const texts = (tab, selector) => tab.locator(selector).allTextContents()
const members = (tab, ...names) => until(async () => (await texts(tab, '#members li')).join() === names.join(), 15_000)
  .catch(async () => assert.deepEqual(await texts(tab, '#members li'), names))
const logged = (tab, line, times = 1) => until(async () => (await texts(tab, '#log li')).filter((l) => l === line).length === times)
  .catch(async () => assert.fail(`no "${line}" in the page's log: ${JSON.stringify(await texts(tab, '#log li'))}`))
const invoice = { id: 42, invoice_number: 'INV-0042', total: '1250.00' }

test('join, whisper, an invoice event, and all of it again after a restart', async (t) => {
  const { application, browser, pusher, server, tab } = await stage(t)
  await watched(t, browser, async () => {
    const ada = await tab('ada')
    await members(ada, 'Ada')
    const bo = await tab('bo')
    await members(ada, 'Ada', 'Bo')
    await members(bo, 'Ada', 'Bo')

    await bo.evaluate(() => window.Echo.join('project.1').whisper('typing', { name: 'Bo' }))
    await logged(ada, 'typing {"name":"Bo"}')

    await pusher.trigger('presence-project.1', 'InvoiceCreated', invoice)
    await logged(ada, `invoice ${JSON.stringify(invoice)}`)
    await logged(bo, `invoice ${JSON.stringify(invoice)}`)
    await pusher.trigger('private-client.5', 'InvoiceCreated', invoice, { socket_id: await bo.evaluate(() => window.Echo.socketId()) })
    await logged(ada, `private invoice ${JSON.stringify(invoice)}`)
    await logged(bo, `private invoice ${JSON.stringify(invoice)}`, 0)

    const before = await texts(ada, '#state')
    await server.restart()
    await until(async () => {
      const [state] = await texts(ada, '#state')
      return state.startsWith('connected') && state !== before[0]
    }, 20_000)
    await members(ada, 'Ada', 'Bo')
    await members(bo, 'Ada', 'Bo')
    await until(async () => (await pusher.get({ path: '/channels/private-client.5', params: { info: 'subscription_count' } }).then((r) => r.json())).subscription_count === 2)
    await pusher.trigger('presence-project.1', 'InvoiceCreated', { ...invoice, id: 43 })
    await logged(ada, `invoice ${JSON.stringify({ ...invoice, id: 43 })}`)
    await logged(bo, `invoice ${JSON.stringify({ ...invoice, id: 43 })}`)
    assert.equal(application.counts['/broadcasting/auth'], 8)

    await bo.close()
    await members(ada, 'Ada')
  })
})

test('a reload leaves no ghost, a second tab no second member', async (t) => {
  const { browser, pusher, tab } = await stage(t)
  await watched(t, browser, async () => {
    const [ada, bo, again] = [await tab('ada'), await tab('bo'), await tab('bo')]
    await members(ada, 'Ada', 'Bo')
    await members(again, 'Ada', 'Bo')
    await bo.reload()
    await members(bo, 'Ada', 'Bo')
    await bo.close()
    await until(async () => (await pusher.get({ path: '/connections' }).then((r) => r.json())).connections === 2)
    assert.deepEqual(await texts(ada, '#members li'), ['Ada', 'Bo'])
    await again.close()
    await members(ada, 'Ada')
    assert.deepEqual((await pusher.get({ path: '/channels/presence-project.1/users' }).then((r) => r.json())).users, [{ id: '7' }])
  })
})
