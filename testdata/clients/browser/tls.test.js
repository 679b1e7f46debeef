// wss in a real browser, which is made to trust the CA in the way that "echolab tls" tells; nothing is switched off.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { app } from '../support/echolab.js'
import { launch, page, watched } from '../support/browser.js'
import { until } from '../support/heard.js'
import { laravel } from '../support/laravel.js'
import { follow, secured } from '../support/tls.js'

async function open(t, home, server) {
  const application = await laravel(server, { page })
  const browser = await launch({ HOME: home })
  t.after(async () => {
    await browser.close()
    await application.stop()
  })
  const tab = await (await browser.newContext()).newPage()
  const query = new URLSearchParams({ user: 'ada', key: app.key, host: '127.0.0.1', port: server.port, scheme: 'https' })
  await tab.goto(`${application.url}/?${query}`)
  return { browser, tab }
}

test('a browser that trusts the CA joins over wss', async (t) => {
  const { server, home, told } = await secured(t)
  await follow(told.trust.find(({ for: who }) => who.includes('NSS')), home)
  const { browser, tab } = await open(t, home, server)
  await watched(t, browser, async () => {
    await until(async () => (await tab.locator('#members li').allTextContents()).join() === 'Ada', 15_000)
    assert.match(await tab.locator('#state').textContent(), /^connected \d+\.\d+$/)
  })
})

test('a browser that does not trust the CA stays out, and the server says why', async (t) => {
  const { server, home } = await secured(t)
  const { tab } = await open(t, home, server)
  await until(() => server.said.includes('does not accept the certificate'), 15_000)
  assert.doesNotMatch(await tab.locator('#state').textContent(), /^connected/)
})
