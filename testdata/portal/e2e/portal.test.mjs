// The portal in two browsers as two users, on Echolab alone. Nothing waits for a time to pass; everything waits for what is shown.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { portal } from '../portal.mjs'
import { browser, echolab, keepPicture, open } from './support.mjs'

let chrome
let server
let front
before(async () => {
  [chrome, server] = await Promise.all([browser(), echolab()])
  front = await portal(server.url)
}, { timeout: 60_000 })
after(async () => {
  await chrome?.close()
  await front?.stop()
  await server?.stop()
})

const ada = { id: 1, name: 'Ada Lindqvist' } // an admin
const grace = { id: 7, name: 'Grace Hopper' } // of client 5
const lena = { id: 12, name: 'Lena Vogel' } // of clients 1 and 5

/** Runs a test with windows of users, all at one address; whatever a page complains about fails it. */
function scene(name, { path = '', tolerate = () => false }, run) {
  test(name, { timeout: 90_000 }, async () => {
    const windows = []
    const enter = async (user, at = path, view = {}) => {
      const w = await open(chrome, front.url, user.id, at, view)
      windows.push(w)
      await connected(w.page)
      return w.page
    }
    try {
      await run(enter, windows)
      assert.deepEqual(windows.flatMap((w) => w.wrong).filter((text) => !tolerate(text)), [])
    } catch (error) {
      await Promise.all(windows.map((w, i) => keepPicture(w.page, `${name} ${i}`)))
      throw error
    } finally {
      await Promise.all(windows.map((w) => w.close()))
    }
  })
}

const connected = (page) => page.locator('[data-testid=connection][data-state=live]').waitFor()
const online = (page, user) => page.getByTestId('online').getByText(user.name, { exact: true })
const looking = (page, user) => page.getByTestId('viewers').getByText(user.name, { exact: true })
const field = (page, name) => page.getByTestId(`field-${name}`)
const lockOf = (page, name, words) => field(page, name).getByTestId('lock').getByText(words)

scene('presence shows both, and leaving is seen', { path: '#/projects/7' }, async (enter, windows) => {
  const a = await enter(ada)
  await online(a, ada).waitFor()
  assert.equal(await online(a, grace).count(), 0)
  const g = await enter(grace)
  for (const page of [a, g]) {
    for (const user of [ada, grace]) {
      await online(page, user).waitFor()
      await looking(page, user).waitFor()
    }
  }
  await g.goto(`${front.url}/?user=${grace.id}#/`) // another page: still online, no longer on the project
  await looking(a, grace).waitFor({ state: 'detached' })
  await online(a, grace).waitFor()
  await windows[1].close()
  await online(a, grace).waitFor({ state: 'detached' })
})

scene('typing shows, and a comment appears as text', { path: '#/projects/7' }, async (enter) => {
  const [a, g] = [await enter(ada), await enter(grace)]
  await looking(a, grace).waitFor()
  await looking(g, ada).waitFor()
  const words = 'Looks good <img src=x onerror=alert(1)> & "ready"'
  await g.getByLabel('Comment').pressSequentially(words, { delay: 5 })
  await a.getByTestId('typing').getByText('Grace Hopper is typing').waitFor()
  await g.getByRole('button', { name: 'Send' }).click()
  await a.getByTestId('comments').getByText(words, { exact: true }).waitFor()
  await g.getByTestId('comments').getByText(words, { exact: true }).waitFor()
  await a.getByTestId('typing').getByText('is typing').waitFor({ state: 'detached' })
  assert.equal(await a.locator('[data-testid=comments] img').count(), 0)
  for (const page of [a, g]) await page.getByTestId('feed').getByText('added a comment').first().waitFor() // the activity follows
  assert.equal(await g.getByTestId('comments').getByText(words, { exact: true }).count(), 1, 'toOthers: its author has it once')
})

scene('an invoice that is emitted in the terminal makes a toast and a badge', {}, async (enter) => {
  const [a, g] = [await enter(ada), await enter(grace)]
  await online(g, ada).waitFor()
  const printed = await server.run('emit', 'InvoiceCreated', '--client', '5', '--set', 'total=99.50')
  assert.match(printed, /InvoiceCreated on private-client\.5: 2 sockets got it/)
  for (const page of [a, g]) {
    await page.getByTestId('toast').getByText('Grünwald Verlag · €99.50').waitFor()
    await page.getByTestId('bell-badge').getByText('1', { exact: true }).waitFor()
    await page.getByTestId('overview-badge').getByText('1', { exact: true }).waitFor()
    await page.getByTestId('invoices-badge').getByText('1 new').waitFor()
  }
  await g.getByRole('button', { name: /^Notifications/ }).click()
  await g.locator('#notifications').getByText('€99.50').waitFor()
  await g.getByRole('button', { name: 'Mark all as read' }).click()
  await g.getByTestId('bell-badge').waitFor({ state: 'hidden' })
})

scene('a notification is stored and shown, and is still there after a reload', {}, async (enter) => {
  const g = await enter(grace)
  await server.run('backend', 'notify', '7', '--title', 'Approval needed', '--message', 'Launch notes waits for you')
  await g.getByTestId('toast').getByText('Launch notes waits for you').waitFor()
  await g.reload()
  await g.getByTestId('bell-badge').getByText('1', { exact: true }).waitFor()
  await g.getByRole('button', { name: /^Notifications, 1 unread/ }).click()
  await g.locator('#notifications').getByText('Approval needed').waitFor()
})

scene('a burst of long announcements stays beside the page, and can be read in the list', {}, async (enter) => {
  const g = await enter(grace)
  const body = 'Maintenance. '.repeat(31)
  for (let n = 1; n <= 6; n++) await server.run('emit', 'Announcement', '--set', `title=Window ${n}`, '--set', `body=${body}`)
  await g.getByTestId('toast').getByText('Window 6').waitFor()
  assert.equal(await g.getByTestId('toast').count(), 4)
  for (const toast of await g.getByTestId('toast').all()) assert.ok((await toast.boundingBox()).height < 120, 'a toast is a few lines')
  const header = await g.locator('header.top').boundingBox()
  assert.ok((await g.locator('.toasts').boundingBox()).y > header.y + header.height, 'they stay below the header')
  await g.setViewportSize({ width: 600, height: 300 })
  assert.ok((await g.locator('.toasts').boundingBox()).y > header.y + header.height, 'also in a low window')
  assert.ok(await g.getByTestId('toast').last().evaluate((el) => el.getBoundingClientRect().bottom <= innerHeight), 'the newest can be seen')
  await g.setViewportSize({ width: 1280, height: 800 })
  await g.getByRole('button', { name: /^Notifications/ }).click()
  await g.locator('#notifications li').filter({ hasText: 'Window 6' }).getByText(body.trim()).waitFor()
})

scene('a figure and its note are two things', {}, async (enter) => {
  const a = await enter(ada)
  await a.locator('.tile').first().waitFor()
  const [figure, note] = await a.locator('.tile').first().locator('dd > span').all()
  assert.match(await note.innerText(), /^in (1 open invoice|\d+ open invoices)$/)
  assert.ok((await note.boundingBox()).y >= (await figure.boundingBox()).y + (await figure.boundingBox()).height - 1)
})

test('one open invoice is one', async () => {
  const { many } = await import('../src/state/words.js')
  assert.deepEqual([0, 1, 2].map((n) => many(n, 'open invoice')), ['0 open invoices', '1 open invoice', '2 open invoices'])
})

scene('a lock that a reset ends was taken over by nobody', { path: '#/documents/5' }, async (enter) => {
  const g = await enter(grace)
  await g.getByLabel('Body', { exact: true }).click()
  await lockOf(g, 'body', 'You are editing this').waitFor()
  await g.getByLabel('Body', { exact: true }).pressSequentially('Draft')
  await server.run('backend', 'reset')
  await g.getByTestId('notice').getByText('Your lock of the body ended: the application was reset. Your draft is kept.').waitFor()
  assert.match(await g.getByLabel('Body', { exact: true }).inputValue(), /Draft/)
})

scene('the guide\'s own listen(\'InvoiceCreated\') hears nothing: it needs the dot (X1)', {}, async (enter) => {
  const g = await enter(grace)
  await g.evaluate(() => {
    window.heard = []
    const channel = window.Echo.private('client.5')
    channel.listen('InvoiceCreated', () => window.heard.push('InvoiceCreated'))
    channel.listen('.InvoiceCreated', () => window.heard.push('.InvoiceCreated'))
  })
  await server.run('emit', 'InvoiceCreated', '--client', '5')
  await g.getByTestId('toast').waitFor()
  assert.deepEqual(await g.evaluate(() => window.heard), ['.InvoiceCreated'])
  // The catalogue says so to whoever wonders why.
  const list = await server.run('emit', '--list')
  assert.match(list, /InvoiceCreated\n {2}on the wire {2}InvoiceCreated\n {2}heard by {5}\.listen\('\.InvoiceCreated', …\)/)
})

scene('acting in the application has its consequences for the others', {}, async (enter) => {
  const [a, g] = [await enter(ada), await enter(grace)]
  await online(g, ada).waitFor()
  await g.getByLabel('Status of INV-2026-0008').selectOption('paid')
  await a.getByTestId('toast').getByText('Invoice INV-2026-0008 is paid').waitFor()
  await a.getByTestId('feed').getByText('changed invoice INV-2026-0008 to paid').waitFor()
  await g.getByTestId('feed').getByText('changed invoice INV-2026-0008 to paid').waitFor()
  assert.equal(await g.getByTestId('toast').count(), 0, 'toOthers: who did it is not told')
  const stored = await server.as(grace.id, 'GET', '/api/invoices/8')
  assert.equal(stored.body.data.status, 'paid')
})

scene('cursors and locks show; a lock is freed when its holder closes the window', { path: '#/documents/5' }, async (enter, windows) => {
  const [a, g] = [await enter(ada), await enter(grace)]
  await looking(a, grace).waitFor()
  await looking(g, ada).waitFor()
  const sheet = await g.getByTestId('sheet').boundingBox()
  await g.mouse.move(sheet.x + sheet.width * 0.5, sheet.y + sheet.height * 0.5)
  await a.getByTestId('cursor').getByText('Grace Hopper').waitFor()
  const at = await a.getByTestId('cursor').evaluate((el) => [parseFloat(el.style.left), parseFloat(el.style.top)])
  assert.ok(Math.abs(at[0] - 50) < 1 && Math.abs(at[1] - 50) < 1, `the cursor is where it is: ${at}`)

  await g.getByLabel('Body', { exact: true }).click()
  await lockOf(g, 'body', 'You are editing this').waitFor()
  await lockOf(a, 'body', 'Grace Hopper is editing this').waitFor()
  await a.getByTestId('editors').getByText('Grace Hopper').waitFor()
  assert.equal(await a.getByLabel('Body', { exact: true }).isEditable(), false)
  await g.getByLabel('Body', { exact: true }).pressSequentially('Invite')
  await a.getByTestId('sheet').getByText('Grace Hopper is typing').waitFor()
  const refused = await server.as(lena.id, 'PATCH', '/api/documents/5', { body: 'Mine now' }) // around the front end
  assert.equal(refused.status, 409)
  assert.equal(refused.body.lock.user.name, grace.name)
  await lockOf(a, 'title', 'Free to edit').waitFor()

  await windows[1].close()
  await lockOf(a, 'body', 'Free to edit').waitFor()
  await a.getByTestId('cursor').waitFor({ state: 'detached' })
  await a.getByLabel('Body', { exact: true }).click()
  await lockOf(a, 'body', 'You are editing this').waitFor()
})

scene('a conflict is prevented: both versions are shown, nothing is overwritten', {
  path: '#/documents/5', tolerate: (text) => text.includes('409'),
}, async (enter) => {
  const [a, g] = [await enter(ada), await enter(grace)]
  await looking(a, grace).waitFor()
  const body = (page) => page.getByLabel('Body', { exact: true })
  await body(g).click()
  await lockOf(g, 'body', 'You are editing this').waitFor()
  await body(g).fill('Launch on Monday.')
  // An admin may end a lock. Grace keeps her draft.
  await field(a, 'body').getByRole('button', { name: 'Take over' }).click()
  await lockOf(a, 'body', 'You are editing this').waitFor()
  await g.getByTestId('notice').getByText('taken over. Your draft is kept.').waitFor()
  await lockOf(g, 'body', 'Ada Lindqvist is editing this').waitFor()
  assert.equal(await body(g).inputValue(), 'Launch on Monday.')
  await body(a).fill('Launch on Tuesday.')
  await g.getByRole('button', { name: 'Save' }).click() // refused by the lock
  await g.getByTestId('notice').getByText('being edited by Ada Lindqvist').waitFor()
  await a.getByRole('button', { name: 'Save' }).click()
  await a.getByTestId('draft').getByText('Everything is saved').waitFor()
  await lockOf(g, 'body', 'Your draft, not saved').waitFor()
  await g.getByRole('button', { name: 'Save' }).click() // refused by the version
  const conflict = g.getByTestId('conflict')
  await conflict.getByText('Nothing was overwritten.').waitFor()
  assert.equal(await conflict.getByTestId('mine').innerText(), 'Launch on Monday.')
  assert.equal(await conflict.getByTestId('theirs').innerText(), 'Launch on Tuesday.')
  assert.equal((await server.as(ada.id, 'GET', '/api/documents/5')).body.data.body, 'Launch on Tuesday.')
  assert.equal(await body(a).inputValue(), 'Launch on Tuesday.')

  await conflict.getByRole('button', { name: 'Save mine over it' }).click()
  await conflict.waitFor({ state: 'detached' })
  await a.waitForFunction(() => document.querySelector('#field-body').value === 'Launch on Monday.')
  assert.equal((await server.as(ada.id, 'GET', '/api/documents/5')).body.data.body, 'Launch on Monday.')
})

scene('who comes late gets the shared state', { path: '#/documents/5' }, async (enter) => {
  const g = await enter(grace)
  const item = (page, words) => page.getByTestId('checklist').getByLabel(words)
  await g.getByPlaceholder('Add an item').fill('Invite the readers')
  await g.getByPlaceholder('Add an item').press('Enter')
  await item(g, 'Invite the readers').waitFor()
  await g.getByPlaceholder('Add an item').fill('Check the covers')
  await g.getByPlaceholder('Add an item').press('Enter')
  await item(g, 'Check the covers').check()
  await g.getByTestId('checklist').getByText('1 of 2').waitFor()
  await g.getByTestId('checklist').getByText('Grace Hopper').waitFor()

  const l = await enter(lena)
  await l.getByTestId('checklist').getByText('1 of 2').waitFor()
  assert.equal(await item(l, 'Check the covers').isChecked(), true)
  await item(l, 'Invite the readers').check()
  await g.getByTestId('checklist').getByText('2 of 2').waitFor()
})

scene('after a restart of the server everybody is there again', {
  path: '#/projects/7', tolerate: (text) => /WebSocket|50[0-9]|Failed to load/.test(text),
}, async (enter) => {
  const [a, g] = [await enter(ada), await enter(grace)]
  await looking(a, grace).waitFor()
  await g.getByLabel('Comment').fill('Before the restart')
  await g.getByRole('button', { name: 'Send' }).click()
  await a.getByTestId('comments').getByText('Before the restart').waitFor()

  await server.kill()
  for (const page of [a, g]) await page.locator('[data-testid=connection]:not([data-state=live])').waitFor()
  await server.start()
  await a.getByRole('button', { name: 'Now' }).click() // pusher-js itself looks after 15 s, then after 30 s more
  for (const page of [a, g]) await page.locator('[data-testid=connection][data-state=live][data-resumes="1"]').waitFor({ timeout: 60_000 })
  for (const page of [a, g]) {
    for (const user of [ada, grace]) await looking(page, user).waitFor()
  }
  await a.reload() // what was there before the restart still is
  await a.getByTestId('comments').getByText('Before the restart').waitFor()
  await looking(g, ada).waitFor()
  await g.getByLabel('Comment').fill('After the restart')
  await g.getByRole('button', { name: 'Send' }).click()
  await a.getByTestId('comments').getByText('After the restart').waitFor()
})

test('who asks as a user that there is not is told so', { timeout: 60_000 }, async () => {
  const { page, close } = await open(chrome, front.url, 999)
  try {
    await page.getByRole('heading', { name: 'There is no user 999' }).waitFor()
    await page.getByRole('link', { name: 'Log in' }).click()
    await page.getByRole('button', { name: /Grace Hopper/ }).click()
    await connected(page)
    assert.equal(await page.getByTestId('who').getByRole('combobox').inputValue(), '7')
  } catch (error) {
    await keepPicture(page, 'user-999')
    throw error
  } finally {
    await close()
  }
})

test('a guest is led to the cast and comes back as who was clicked', { timeout: 60_000 }, async () => {
  const { page, wrong, close } = await open(chrome, front.url, '')
  try {
    await page.getByRole('link', { name: 'Log in' }).click()
    await page.getByRole('button', { name: /Grace Hopper/ }).click()
    await connected(page)
    wrong.length = 0 // of the login page, which is not the portal's
    assert.equal(await page.getByTestId('who').getByRole('combobox').inputValue(), '7')
    await page.getByTestId('who').getByRole('combobox').selectOption('12') // the switch changes the session
    await page.getByTestId('online').getByText(lena.name, { exact: true }).waitFor()
    assert.equal(await page.getByTestId('online').getByText(grace.name, { exact: true }).count(), 0)
    assert.deepEqual(wrong, [])
  } catch (error) {
    await keepPicture(page, 'guest')
    throw error
  } finally {
    await close()
  }
})
