// A real Chromium, and the page it opens: the npm packages as they are, no bundler.
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const root = fileURLToPath(new URL('..', import.meta.url))
const modules = join(root, 'node_modules')
const types = { html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8', map: 'application/json' }

// page serves browser/page.html and the packages' own files.
export async function page(path) {
  const file = path === '/' ? join(root, 'browser', 'page.html')
    : path.startsWith('/modules/') ? join(modules, path.slice('/modules/'.length)) : undefined
  if (!file || path.includes('..')) return undefined
  return { body: await readFile(file), type: types[file.split('.').pop()] ?? 'application/octet-stream' }
}

// env is for the browser's own environment, such as a HOME that trusts a CA.
export const launch = (env = {}) => chromium.launch({
  env: { ...process.env, ...env },
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
  ],
})

// watched runs a test's steps and leaves a picture of every open page if one of them fails.
export async function watched(test, browser, steps) {
  try {
    await steps()
  } catch (error) {
    const folder = process.env.ECHOLAB_SCREENSHOTS ?? join(root, 'screenshots')
    await mkdir(folder, { recursive: true })
    let n = 0
    for (const context of browser.contexts()) {
      for (const open of context.pages()) {
        const path = join(folder, `${test.name.replace(/\W+/g, '-')}-${++n}.png`)
        await open.screenshot({ path })
        test.diagnostic(`screenshot: ${path}`)
      }
    }
    throw error
  }
}
