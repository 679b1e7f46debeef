// Stands in for the Laravel application: it signs subscriptions and publishes with the real `pusher` library.
import { createServer } from 'node:http'
import Pusher from 'pusher'
import { app } from './echolab.js'

export const users = {
  ada: { id: 7, name: 'Ada' },
  bo: { id: 8, name: 'Bo' },
  cy: { id: 9, name: 'Cy' },
}

// The master key of testdata/vectors.
export const masterKey = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8='

export function publisher(server, options = {}) {
  const { hostname, port } = new URL(server.url)
  return new Pusher({ appId: app.id, key: app.key, secret: app.secret, host: hostname, port, useTLS: false, encryptionMasterKeyBase64: masterKey, ...options })
}

// laravel listens on a free port of its own. A request's user is its bearer token, a key of users; without one it
// is 403, and so is any channel whose name says "forbidden".
export async function laravel(server, { page } = {}) {
  const pusher = publisher(server)
  const counts = {}
  const listener = createServer(async (request, response) => {
    const body = await text(request)
    const path = request.url.split('?')[0]
    counts[path] = (counts[path] ?? 0) + 1
    const answer = (status, value, type = 'application/json') => {
      response.writeHead(status, { 'Content-Type': type })
      response.end(type === 'application/json' ? JSON.stringify(value) : value)
    }
    try {
      const user = users[request.headers.authorization?.replace('Bearer ', '')]
      const form = new URLSearchParams(body)
      if (path === '/broadcasting/auth') {
        const channel = form.get('channel_name')
        if (!user || channel.includes('forbidden')) return answer(403, { message: '' })
        const member = channel.startsWith('presence-') ? { user_id: String(user.id), user_info: user } : undefined
        return answer(200, pusher.authorizeChannel(form.get('socket_id'), channel, member))
      }
      if (path === '/broadcasting/user-auth') {
        if (!user) return answer(403, { message: '' })
        const watchlist = request.headers['x-watchlist']?.split(',')
        return answer(200, pusher.authenticateUser(form.get('socket_id'), { id: String(user.id), user_info: user, ...(watchlist && { watchlist }) }))
      }
      // An action of the application: broadcast(...)->toOthers().
      if (path === '/comments') {
        const socket = request.headers['x-socket-id']
        await pusher.trigger('private-project.1', 'App\\Events\\CommentAdded', { comment: { id: 1 } }, socket ? { socket_id: socket } : {})
        return answer(201, {})
      }
      const served = await page?.(path)
      if (served) return answer(200, served.body, served.type)
      answer(404, {})
    } catch (error) {
      answer(500, { message: String(error) })
    }
  })
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${listener.address().port}`,
    counts,
    stop: () => new Promise((resolve) => {
      listener.close(resolve)
      listener.closeAllConnections()
    }),
  }
}

async function text(request) {
  let body = ''
  for await (const chunk of request) body += chunk
  return body
}
