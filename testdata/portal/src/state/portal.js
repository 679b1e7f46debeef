import { reactive } from 'vue'
import { api } from '../api.js'

/** What every part of the portal shows: rows by type, who is here, and what has not been looked at yet. */
export const portal = reactive({
  me: null,
  users: [],
  clients: [],
  projects: [],
  invoices: [],
  documents: [],
  activities: [],
  online: [], // members of presence-online
  places: {}, // user id → where /api/sync/online-users says they are
  fresh: {}, // invoice id → true: not looked at since it came
  unread: {}, // project id → comments that came while somewhere else
  problem: '',
})

const beatsEvery = 30_000 // of the 120 s after which somebody counts as gone
let realtime
let place = 'Overview'

/** Loads the rows and follows the channels that concern the user. Resolves when there is something to show. */
export async function openPortal(manager, me) {
  realtime = manager
  portal.me = me
  await load()
  // An admin hears of every client's activities on one channel, everybody else on their clients'.
  const feed = (channel) => channel.listen('ActivityFeedUpdated', ({ activity }) => addActivity(activity))
  if (me.role === 'admin') feed(realtime.private('admin'))
  for (const client of portal.clients) {
    const channel = realtime.private(`client.${client.id}`)
    // The event has a broadcastAs() name, so it needs the dot: listen('InvoiceCreated') would wait for
    // App\Events\InvoiceCreated, which nobody ever sends.
    channel.listen('.InvoiceCreated', (e) => invoiceCame({ ...invoiceOf(e, client), version: e.version }))
    channel.listen('InvoiceStatusChanged', (e) => upsert('invoices', { ...e.invoice, version: e.version }))
    channel.listen('ProjectUpdated', (e) => upsert('projects', e.project))
    if (me.role !== 'admin') feed(channel)
  }
  followProjects()
  const here = realtime.presence('online').listen('UserPresenceChanged', beat)
  portal.online = here.view // .members is reactive
  realtime.onResume(() => load().then(beat).catch(say)) // what was sent meanwhile is lost
  setInterval(beat, beatsEvery)
}

const followed = new Set()
function followProjects() {
  for (const { id } of portal.projects.filter((p) => !followed.has(p.id))) {
    followed.add(id)
    realtime.private(`project.${id}`).listen('CommentAdded', ({ comment }) => {
      if (location.hash !== `#/projects/${id}` && comment.author?.id !== portal.me.id) portal.unread[id] = (portal.unread[id] ?? 0) + 1
    })
  }
}

async function load() {
  const [users, clients, projects, invoices, documents, feed] = await Promise.all([
    api.get('/api/users'), ...['clients', 'projects', 'invoices', 'documents'].map((type) => api.get(`/api/${type}`)),
    api.get('/api/sync/activities?limit=50'),
  ])
  portal.users = users.users
  portal.clients = clients.data
  portal.projects = projects.data
  portal.invoices = invoices.data.sort(newestFirst)
  portal.documents = documents.data
  portal.activities = feed.activities
}

/**
 * A heartbeat, with where the user is. It comes last: the middleware TrackPresence notes every other request's route as
 * the place, this question's included.
 */
async function beat() {
  try {
    const { users } = await api.get('/api/sync/online-users')
    portal.places = { ...Object.fromEntries(users.map((u) => [u.id, u.location])), [portal.me.id]: place }
    await api.post('/api/sync/heartbeat', { location: place })
  } catch (error) {
    say(error)
  }
}

/** Says where the user is now. Call it when a page has asked for what it shows. */
export function goneTo(where) {
  place = portal.places[portal.me.id] = where
  document.title = `${where} · Client portal`
  beat()
}

/** Shows a problem until it is dismissed. A server that is away is the connection's to show. */
export function say(error) {
  if (error instanceof TypeError || error?.status === 502 || (error?.status === 500 && realtime?.status.state !== 'connected')) return
  portal.problem = error?.message ?? String(error)
}

const newestFirst = (a, b) => b.id - a.id

/** Puts a row in, or over what is known of it. A payload older than the row changes nothing. */
export function upsert(type, row) {
  const rows = portal[type]
  const at = rows.findIndex((r) => r.id === row.id)
  if (at < 0) rows.unshift(row)
  else if ((row.version ?? Infinity) >= (rows[at].version ?? 0)) rows[at] = { ...rows[at], ...row, version: row.version ?? rows[at].version }
}

function invoiceCame(invoice) {
  upsert('invoices', invoice)
  portal.invoices.sort(newestFirst)
  portal.fresh[invoice.id] = true
}

// What has no event of its own is heard of in the feed.
const lists = { project: 'projects', document: 'documents' }

async function addActivity(activity) {
  if (portal.activities.some((a) => a.id === activity.id)) return
  portal.activities = [activity, ...portal.activities].slice(0, 50)
  const type = lists[activity.subject_type]
  if (!type || !/\.(created|deleted)$/.test(activity.type)) return
  try {
    portal[type] = (await api.get(`/api/${type}`)).data
    followProjects()
  } catch (error) {
    say(error)
  }
}

/** The invoice of an InvoiceCreated: as the guide's text has it (as-written), its fields are all there is. */
export const invoiceOf = ({ invoice, id, invoice_number, total }, client) => invoice ?? { id, invoice_number, total, client_id: client.id }

export const byId = (type, id) => portal[type].find((row) => row.id === id)
export const clientName = (id) => byId('clients', id)?.name ?? `Client ${id}`
