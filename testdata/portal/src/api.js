// The only place that knows fetch.

/** What an answer other than 2xx throws: status, and the body as it came. */
export class ApiError extends Error {
  constructor(status, body) {
    super(body?.message || `The server answered with ${status}.`)
    this.status = status
    this.body = body ?? {}
  }
}

/** The user that this tab was opened as (?user=7); '' is whoever has logged in. */
export const asked = new URLSearchParams(location.search).get('user') ?? ''

/** The headers that say who asks. Two tabs of one browser can be two users by them, which a cookie can't. */
export const identity = () => (asked ? { 'X-Echolab-User': asked } : {})

async function call(method, path, body) {
  const headers = { Accept: 'application/json', ...identity() }
  // fetch is none of the clients that Echo hooks: without this header toOthers() would exclude nobody.
  const socket = window.Echo?.socketId()
  if (socket) headers['X-Socket-ID'] = socket
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  const response = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), keepalive: method === 'DELETE' })
  const text = await response.text()
  let answer
  try {
    answer = text ? JSON.parse(text) : null
  } catch {
    answer = null
  }
  if (!response.ok) throw new ApiError(response.status, answer)
  return answer
}

export const api = {
  get: (path) => call('GET', path),
  post: (path, body = {}) => call('POST', path, body),
  put: (path, body) => call('PUT', path, body),
  patch: (path, body) => call('PATCH', path, body),
  delete: (path) => call('DELETE', path),
}
