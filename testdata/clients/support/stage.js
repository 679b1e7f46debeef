// A stage is one server, one application beside it, and the clients of one test. Everything ends with the test.
import Echo from 'laravel-echo'
import PusherClient from 'pusher-js'
import { app, start } from './echolab.js'
import { laravel, publisher } from './laravel.js'
import { heard } from './heard.js'

export async function stage(test, options = {}) {
  const server = await start(options)
  const application = await laravel(server)
  const clients = []
  test.after(async () => {
    clients.forEach((client) => client.disconnect())
    await application.stop()
    await server.stop()
  })
  const made = {
    server,
    application,
    pusher: publisher(server),
    // echo is a browser tab of this user ('' is a guest).
    echo(user = '', more = {}) {
      const headers = user ? { Authorization: `Bearer ${user}` } : {}
      const echo = new Echo({
        broadcaster: 'reverb',
        Pusher: PusherClient,
        key: app.key,
        wsHost: '127.0.0.1',
        wsPort: server.port,
        forceTLS: false,
        enabledTransports: ['ws'],
        authEndpoint: `${application.url}/broadcasting/auth`,
        auth: { headers },
        userAuthentication: { endpoint: `${application.url}/broadcasting/user-auth`, headers: { ...headers, ...more.userHeaders } },
        ...more,
      })
      clients.push(echo)
      return echo
    },
    // connected is an echo that has its socket.
    async connected(user, more) {
      const echo = made.echo(user, more)
      await established(echo)
      return echo
    },
    async get(path, params) {
      const response = await made.pusher.get({ path, params })
      return response.json()
    },
  }
  return made
}

export const connection = (echo) => echo.connector.pusher.connection

// established resolves with the socket id, now or as soon as there is one.
export async function established(echo) {
  if (connection(echo).state === 'connected') return echo.socketId()
  const connected = heard()
  connection(echo).bind('connected', connected)
  await connected.next()
  return echo.socketId()
}

// subscribed resolves when the server has confirmed an Echo channel.
export async function subscribed(...channels) {
  for (const channel of channels) {
    const confirmed = heard()
    channel.subscribed(confirmed)
    if (!channel.subscription.subscribed) await confirmed.next()
  }
}
