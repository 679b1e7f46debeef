// report.html of a run as people see it: in a browser, light and dark, by itself. "npm run picture" puts the README's
// pictures of it into build/images; a test run leaves them in .cache/screens.
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { launch, watched } from '../support/browser.js'
import { echolab } from '../support/run.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const pictures = process.env.REPORT_PICTURES ? resolve(process.env.REPORT_PICTURES) : join(root, '.cache/screens')

test('report.html: verdict, figures and charts, light and dark, without scripts and network', { timeout: 120_000 }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'echolab-report-'))
  const browser = await launch()
  t.after(async () => {
    await browser.close()
    await rm(folder, { recursive: true, force: true })
  })
  const day = ['clients=200', 'invoices=40', 'arrival=3s', 'day=12s'].flatMap((variable) => ['-e', variable])
  const run = await echolab(['run', join(root, 'build/scenario/invoice-day.yaml'), ...day, '--out', 'results', '--no-keep', '--quiet'], folder)
  assert.equal(run.code, 0, run.out + run.err)
  await mkdir(pictures, { recursive: true })
  await watched(t, browser, async () => {
    const grounds = []
    for (const colorScheme of ['light', 'dark']) {
      const context = await browser.newContext({ colorScheme, javaScriptEnabled: false, viewport: { width: 1180, height: 900 } })
      const tab = await context.newPage()
      const [asked, said] = [[], []]
      tab.on('request', (request) => asked.push(request.url()))
      tab.on('console', (message) => said.push(message.text()))
      await tab.goto(pathToFileURL(join(folder, 'results/report.html')).href)
      await tab.getByText('invoice-day').first().waitFor()
      assert.equal(asked.length, 1, 'it asks for nothing but itself: ' + asked)
      assert.deepEqual(said, [])
      const words = await tab.locator('body').innerText()
      assert.match(words, /passed/i)
      assert.match(words, /480/) // publishes
      assert.ok(await tab.locator('svg').count() >= 2, 'charts')
      const box = await tab.locator('svg').first().boundingBox()
      assert.ok(box.width > 200 && box.height > 60, JSON.stringify(box))
      await tab.screenshot({ path: join(pictures, `report-${colorScheme}.png`) })
      await tab.setViewportSize({ width: 390, height: 800 })
      assert.ok((await tab.locator('html').boundingBox()).width <= 390, 'it fits a phone')
      await context.close()
      const other = await browser.newPage({ colorScheme })
      await other.goto(pathToFileURL(join(folder, 'results/report.html')).href)
      grounds.push(await other.evaluate(() => getComputedStyle(document.body).backgroundColor))
      assert.ok(await other.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing is cut off')
      await other.close()
    }
    assert.notEqual(grounds[0], grounds[1])
  })
})
