// The README's pictures, light and dark: an afternoon at the portal, taken anew with each run so that they can't go
// stale unnoticed. "npm run picture" puts them into build/images; a test run leaves them in .cache/screens.
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { folder, portal, root } from '../portal.mjs'
import { browser, echolab, open } from './support.mjs'

const target = process.env.PORTAL_PICTURES ? resolve(folder, process.env.PORTAL_PICTURES) : join(root, '.cache/screens')
let chrome
let server
let front
before(async () => {
  [chrome, server] = await Promise.all([browser(), echolab()])
  front = await portal(server.url)
  mkdirSync(target, { recursive: true })
}, { timeout: 60_000 })
after(async () => {
  await chrome?.close()
  await front?.stop()
  await server?.stop()
})

test('pictures of the overview and of a document', { timeout: 90_000 }, async () => {
  const acts = [
    [4, 'POST', '/api/projects', { client_id: 5, name: 'Autumn catalogue', status: 'planning' }],
    [12, 'POST', '/api/files', { project_id: 7, name: 'covers-final.zip', size: 9120440 }],
    [6, 'POST', '/api/comments', { project_id: 5, body: 'The charts read well on a phone now.' }],
    [5, 'POST', '/api/time_entries', { project_id: 1, description: 'Search' }],
    [8, 'PATCH', '/api/invoices/2', { status: 'paid' }],
    [11, 'PATCH', '/api/documents/4', { body: 'Temperature, vibration, current, humidity.' }],
    [7, 'PATCH', '/api/documents/5', { body: 'Friday, nine o’clock: the new shelf goes live for everybody.\n\nTexts are final. The covers of the autumn list are still the old ones; Lena has the new archive.\n\nAfter the launch: watch the search for an hour, then write to the beta readers.' }],
    [7, 'PUT', '/api/documents/5/state', { version: 0, state: { checklist: [
      { id: 1, text: 'Invite the beta readers', done: true, by: 'Grace Hopper' },
      { id: 2, text: 'Replace the covers', done: false },
      { id: 3, text: 'Turn on dark mode', done: true, by: 'Deniz Kaya' },
      { id: 4, text: 'Tell the support team', done: false },
    ] } }],
  ]
  for (const act of acts) assert.ok((await server.as(...act)).status < 300, act.join(' '))
  const windows = []
  const enter = async (user, path, view) => {
    const w = await open(chrome, front.url, user, path, view)
    windows.push(w)
    await w.page.locator('[data-testid=connection][data-state=live]').waitFor()
    return w.page
  }
  const grace = await enter(7, '#/documents/5')
  const deniz = await enter(4, '#/documents/5')
  const lena = await enter(12, '#/projects/7')
  await lena.getByTestId('viewers').getByText('Lena Vogel').waitFor()
  const body = grace.getByLabel('Body', { exact: true })
  await body.click()
  await grace.getByTestId('field-body').getByText('You are editing this').waitFor()
  for (const colorScheme of ['light', 'dark']) {
    const page = await enter(1, '', { colorScheme })
    for (const name of ['Grace Hopper', 'Deniz Kaya', 'Lena Vogel']) await page.getByTestId('online').getByText(name).waitFor()
    await server.run('emit', 'InvoiceCreated', '--client', '5', '--set', 'total=99.50', '--set', 'invoice.id=9', '--set', 'invoice.invoice_number=INV-2026-0009', '--set', 'invoice.status=sent')
    await page.getByTestId('toast').getByText('€99.50').waitFor()
    await page.getByTestId('invoices-badge').waitFor()
    await page.getByTestId('online').getByText('Reader portal').waitFor()
    await page.mouse.move(640, 10)
    await page.screenshot({ path: join(target, `portal-overview-${colorScheme}.png`) })

    await page.getByRole('button', { name: 'Dismiss' }).click()
    await page.goto(`${front.url}/?user=1#/documents/5`)
    await page.getByTestId('field-body').getByText('Grace Hopper is editing this').waitFor()
    const cursor = async (window, x, y) => {
      const sheet = await window.getByTestId('sheet').boundingBox()
      await window.mouse.move(sheet.x + sheet.width * x, sheet.y + sheet.height * y)
    }
    await cursor(deniz, 0.62, 0.2)
    await cursor(grace, 0.42, 0.66)
    await grace.keyboard.press('End')
    await grace.keyboard.type('!')
    await page.getByTestId('cursor').getByText('Deniz Kaya').waitFor()
    await page.getByTestId('cursor').getByText('Grace Hopper').waitFor()
    await page.getByTestId('sheet').getByText('Grace Hopper is typing').waitFor()
    await page.screenshot({ path: join(target, `portal-document-${colorScheme}.png`) })
    const mine = windows.pop()
    assert.deepEqual(mine.wrong, [])
    await mine.close()
    await grace.keyboard.press('Backspace')
  }
  for (const w of windows) await w.close()
})
