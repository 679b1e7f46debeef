import { computed, reactive } from 'vue'
import { api } from '../api.js'
import { goneTo, portal, say, upsert } from './portal.js'
import { throttled } from './words.js'
import { useTyping } from './typing.js'

export const fields = ['title', 'body']
const renewsEvery = 20_000
const cursorLasts = 6000

// Why a lock of mine may end, as the event's reason has it.
const lockEnds = {
  released: 'was taken over',
  expired: 'has run out',
  logout: 'ended with your session',
  deleted: 'ended with the document, which is deleted',
  reset: 'ended: the application was reset',
}

/**
 * A document that several people work on: its fields, each with my draft and whose lock; cursors; who types; the shared
 * state. A field is written by whoever holds its lock, and saved only over the version that the draft began from.
 */
export function useDocument(realtime, id) {
  const channel = realtime.presence(`presence-document.${id}`)
  const typing = useTyping(channel)
  const doc = reactive({
    loaded: false,
    row: null, // as the server has it
    version: 0, // what my drafts are based on
    draft: { title: '', body: '' },
    base: { title: '', body: '' }, // the server's values when the drafts began
    locks: {}, // field → lock
    cursors: {}, // user id → {id, name, x, y}
    conflict: null, // {version, theirs, mine, by}
    notice: '',
    saving: false,
    changedBy: null,
    state: { checklist: [] },
    stateVersion: 0,
  })
  const me = portal.me
  const wanted = new Set() // fields whose lock I mean to hold
  const dirty = (field) => doc.draft[field] !== doc.base[field]
  const changes = computed(() => fields.filter(dirty))
  const lockOf = (field) => doc.locks[field] ?? null
  const isMine = (field) => lockOf(field)?.user.id === me.id
  const lockedBy = (field) => (lockOf(field) && !isMine(field) ? lockOf(field).user : null)

  /** Takes the server's row. Drafts stay; they keep the version they began from unless their fields are as they were. */
  function take(row) {
    doc.row = row
    upsert('documents', { id: row.id, title: row.title, version: row.version })
    const overtaken = changes.value.filter((field) => (row[field] ?? '') !== doc.base[field])
    for (const field of fields) {
      if (dirty(field)) continue
      doc.base[field] = doc.draft[field] = row[field] ?? ''
    }
    if (overtaken.length === 0) doc.version = row.version
  }

  const ask = () => api.get(`/api/documents/${id}`)

  // An answer may be older than an event that came while it was on its way: the row and the state have versions that
  // tell, locks have none and are asked for again.
  let lockEvents = 0
  async function load(anew = false) {
    let answer
    let before
    do {
      before = lockEvents
      answer = await ask()
    } while (before !== lockEvents)
    doc.locks = Object.fromEntries(answer.locks.map((l) => [l.field, l]))
    if (anew) doc.stateVersion = 0 // a server that was started on another database counts from the beginning
    takeState(answer.state)
    if (anew) take(answer.data)
    else takeNewer(answer.data)
    doc.loaded = true
  }

  const takeNewer = (row) => (doc.row?.version ?? 0) <= row.version && take(row)

  function takeState({ state, version }) {
    if (version < doc.stateVersion) return
    doc.stateVersion = version
    doc.state = { checklist: Array.isArray(state?.checklist) ? state.checklist : [] }
  }

  channel
    .listen('DocumentLocked', ({ lock }) => {
      lockEvents++
      doc.locks[lock.field] = lock
    })
    .listen('DocumentUnlocked', (e) => {
      lockEvents++
      const mine = isMine(e.field)
      delete doc.locks[e.field]
      if (!mine || !wanted.has(e.field)) return
      wanted.delete(e.field)
      doc.notice = `Your lock of the ${e.field} ${lockEnds[e.reason] ?? 'has ended'}. Your draft is kept.`
    })
    .listen('DocumentUpdated', (e) => {
      doc.changedBy = e.user
      if (e.user) typing.stopped(e.user.id)
      // The event says what changed since the version before it. With drafts, or where something was left out, the row
      // itself is asked for: an event that never came must not be saved over.
      if (changes.value.length || e.omitted?.length) ask().then(({ data }) => takeNewer(data)).catch(say)
      else take({ ...doc.row, ...e.document, ...e.changes, version: e.version })
    })
    .listen('DocumentStateChanged', (e) => (e.omitted ? load().catch(say) : takeState(e)))
    .listenForWhisper('cursor', ({ user_id: user, name, x, y }) => {
      if (![x, y].every(Number.isFinite)) return
      clearTimeout(doc.cursors[user]?.timer)
      doc.cursors[user] = { id: user, name, x, y, timer: setTimeout(() => delete doc.cursors[user], cursorLasts) }
    })
    .leaving((member) => delete doc.cursors[member.id])

  async function lock(field) {
    wanted.add(field)
    try {
      const answer = await api.post(`/api/documents/${id}/locks`, { field })
      doc.locks[field] = answer.lock
      if (!wanted.has(field)) await unlock(field) // left while it was asked for
    } catch (error) {
      wanted.delete(field)
      if (error.body?.lock) doc.locks[field] = error.body.lock
      else say(error)
    }
  }

  async function unlock(field) {
    wanted.delete(field)
    if (!isMine(field)) return
    delete doc.locks[field]
    try {
      await api.delete(`/api/documents/${id}/locks/${field}`)
    } catch (error) {
      say(error)
    }
  }

  /** Ends somebody else's lock, which the application lets admins do, and takes the field. */
  async function takeOver(field) {
    try {
      await api.delete(`/api/documents/${id}/locks/${field}`)
      delete doc.locks[field]
      await lock(field)
    } catch (error) {
      say(error)
    }
  }

  /** A field that is left without a change is free for others. */
  async function left(field) {
    if (!dirty(field)) await unlock(field)
  }

  async function save() {
    if (!changes.value.length || doc.saving) return
    doc.saving = true
    const mine = Object.fromEntries(changes.value.map((field) => [field, doc.draft[field]]))
    try {
      const { data } = await api.patch(`/api/documents/${id}`, { ...mine, version: doc.version })
      doc.conflict = null
      doc.notice = ''
      for (const field of Object.keys(mine)) doc.base[field] = mine[field]
      take(data)
      for (const field of Object.keys(mine)) await unlock(field)
    } catch (error) {
      const { lock: held, data, version } = error.body ?? {}
      if (error.status !== 409) say(error)
      else if (held) {
        doc.locks[held.field] = held
        doc.notice = `${error.message} Your draft is kept.`
      } else doc.conflict = { version, mine, theirs: data, by: doc.changedBy, since: doc.version }
    } finally {
      doc.saving = false
    }
  }

  /** My draft stays and is now meant for the version that the conflict was with. */
  function overTheirs() {
    const { theirs, version } = doc.conflict
    for (const field of fields) doc.base[field] = theirs[field] ?? ''
    doc.row = theirs
    doc.version = version
    doc.conflict = null
  }

  async function keepMine() {
    overTheirs()
    await save()
  }

  function useTheirs() {
    const { theirs } = doc.conflict
    for (const field of fields) doc.base[field] = doc.draft[field] = theirs[field] ?? ''
    take(theirs)
    doc.conflict = null
    doc.notice = ''
    wanted.forEach((field) => unlock(field))
  }

  function discard() {
    for (const field of fields) doc.draft[field] = doc.base[field] = doc.row[field] ?? ''
    doc.version = doc.row.version
    doc.notice = ''
    doc.conflict = null
    wanted.forEach((field) => unlock(field))
    load().catch(say)
  }

  /** Changes the shared state; whoever was faster wins, and what they did is shown. */
  async function share(change) {
    const next = change(doc.state)
    try {
      takeState(await api.put(`/api/documents/${id}/state`, { state: next, version: doc.stateVersion }))
      return true
    } catch (error) {
      if (error.status !== 409) say(error)
      else {
        takeState(error.body)
        say(new Error('Somebody changed the checklist at the same moment. It is shown as it is now; do it again if you still want to.'))
      }
      return false
    }
  }

  const whisperCursor = throttled(50, (x, y) => channel.whisper('cursor', { user_id: me.id, name: me.name, x, y }))
  const whisperTyping = throttled(1000, (field) => channel.whisper('typing', { user_id: me.id, name: me.name, field }))

  const renewing = setInterval(() => {
    for (const field of wanted) if (isMine(field)) lock(field)
  }, renewsEvery)
  // A lock ended with the connection: take it again if nobody else has.
  const endResume = realtime.onResume(async () => {
    try {
      await load(true)
      for (const field of [...wanted]) if (!lockedBy(field)) await lock(field)
    } catch (error) {
      say(error)
    }
  })

  const viewing = { resource_type: 'document', resource_id: id }
  async function open() {
    await load()
    await api.post('/api/sync/start-viewing', viewing)
    goneTo(doc.row.title)
  }

  function close() {
    clearInterval(renewing)
    endResume()
    typing.end()
    Object.values(doc.cursors).forEach((c) => clearTimeout(c.timer))
    for (const field of fields) unlock(field)
    channel.release()
    api.post('/api/sync/stop-viewing', viewing).catch(say)
  }

  return {
    doc, typing, view: channel.view, changes, lockOf, isMine, lockedBy, dirty,
    open, close, lock, left, takeOver, save, keepMine, overTheirs, useTheirs, discard, share, whisperCursor, whisperTyping,
  }
}
