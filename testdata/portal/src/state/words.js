/** How the portal writes things. */
const money = new Intl.NumberFormat('en', { style: 'currency', currency: 'EUR' })
export const amount = (total) => (Number.isFinite(Number(total)) ? money.format(Number(total)) : '–')

export const many = (n, thing) => `${n} ${thing}${n === 1 ? '' : 's'}`

export const label = (text) => String(text ?? '').replaceAll('_', ' ')

export const initials = (name) => String(name ?? '').split(/\s+/).filter(Boolean).slice(0, 2).map((word) => word[0].toUpperCase()).join('')

/** A colour of the palette for an id, the same everywhere. */
export const hue = (id) => `var(--user-${(Number(id) || 0) % 12})`

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' })
export function time(iso) {
  const at = new Date(iso)
  if (!iso || Number.isNaN(at.getTime())) return ''
  return at.toDateString() === new Date().toDateString() ? clock.format(at) : day.format(at)
}

const bytes = ['B', 'kB', 'MB', 'GB']
export function size(n) {
  let unit = 0
  for (n = Number(n) || 0; n >= 1000 && unit < bytes.length - 1; unit++) n /= 1000
  return `${unit && n < 100 ? n.toFixed(1) : Math.round(n)} ${bytes[unit]}`
}

// TrackPresence notes route names (documents.show); a heartbeat says it in words.
const rooms = { projects: 'Projects', documents: 'Documents', invoices: 'Invoices', sync: 'Overview' }
export function placeName(location) {
  if (!location || !/^(\w[\w-]*(\.[\w-]+)+|users?|log(in|out))$/.test(location)) return location ?? ''
  return rooms[location.split('.')[0]] ?? 'Overview'
}

/** Calls at most once in so many milliseconds, the last time with the latest arguments. */
export function throttled(every, call) {
  let last = 0
  let due
  let latest
  return (...args) => {
    latest = args
    const wait = last + every - Date.now()
    if (wait <= 0) {
      last = Date.now()
      call(...args)
    } else {
      due ??= setTimeout(() => {
        due = undefined
        last = Date.now()
        call(...latest)
      }, wait)
    }
  }
}
