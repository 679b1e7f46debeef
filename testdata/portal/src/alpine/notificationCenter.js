import { api } from '../api.js'
import { byId, clientName, invoiceOf, portal, say } from '../state/portal.js'
import { amount, label, time } from '../state/words.js'

const staysFor = 12_000
const atMost = 4

/** The bell with its badge and list, and the toasts: an Alpine component on the portal's RealtimeManager. */
export const notificationCenter = (realtime) => () => ({
  ready: false,
  open: false,
  items: [],
  toasts: [],
  counter: 0,

  get unread() { return this.items.filter((item) => !item.read).length },
  get label() { return this.unread ? `Notifications, ${this.unread} unread` : 'Notifications' },

  async init() {
    this.ready = true
    realtime.private(`App.Models.User.${portal.me.id}`).notification((n) => {
      this.add({ key: n.id, title: n.title ?? 'Notification', text: n.message ?? n.body ?? '', at: new Date() })
    })
    for (const client of portal.clients) {
      realtime.private(`client.${client.id}`)
        .listen('.InvoiceCreated', (e) => {
          const invoice = invoiceOf(e, client)
          this.add({ kind: 'invoice', title: `New invoice ${invoice.invoice_number}`, text: `${clientName(client.id)} · ${amount(invoice.total)}`, at: new Date() })
        })
        .listen('InvoiceStatusChanged', (e) => this.add({
          kind: 'invoice', title: `Invoice ${e.invoice.invoice_number} is ${label(e.new_status)}`,
          text: `${clientName(client.id)} · was ${label(e.old_status)}`, at: e.changed_at,
        }))
    }
    for (const project of portal.projects) {
      realtime.private(`project.${project.id}`).listen('FileUploaded', ({ file }) => this.toast({
        title: file.name, text: `Uploaded to ${byId('projects', project.id)?.name ?? 'a project'}`,
      }))
    }
    realtime.public('portal').listen('Announcement', (e) => this.add({ kind: 'announcement', title: e.title, text: e.body, at: e.published_at }))
    realtime.onResume(() => this.load())
    await this.load()
  },

  /** What is stored for the user. Events that came over the socket alone stay in the list beside it. */
  async load() {
    try {
      const { data } = await api.get('/api/notifications')
      const stored = data.map((n) => ({
        key: n.id, stored: true, title: n.data.title ?? 'Notification', text: n.data.message ?? n.data.body ?? '', time: time(n.created_at), read: n.read_at !== null,
      }))
      this.items = [...this.items.filter((item) => !stored.some((n) => n.key === item.key)), ...stored]
    } catch (error) {
      say(error)
    }
  },

  add({ key = `event-${++this.counter}`, kind = '', title, text, at }) {
    if (this.items.some((item) => item.key === key)) return
    this.items.unshift({ key, title, text, time: time(at), read: false })
    this.toast({ kind, title, text })
  },

  toast({ kind = '', title, text }) {
    const toast = { key: ++this.counter, kind, title, text, timer: 0 }
    this.toasts.push(toast)
    this.toasts.slice(0, -atMost).forEach((old) => this.dismiss(old))
    this.release(toast)
  },
  hold(toast) { clearTimeout(toast.timer) },
  release(toast) { toast.timer = setTimeout(() => this.dismiss(toast), staysFor) },
  dismiss(toast) {
    this.hold(toast)
    this.toasts = this.toasts.filter((t) => t.key !== toast.key)
  },

  toggle() { this.open = !this.open },
  async readAll() {
    this.items.forEach((item) => (item.read = true))
    await api.post('/api/notifications/read').catch(say)
  },
})
