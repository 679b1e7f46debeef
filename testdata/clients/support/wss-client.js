// A process of its own: Node reads NODE_EXTRA_CA_CERTS once, when it starts. It subscribes over wss, publishes over https
// and prints what it heard, or why it could not connect.
import Echo from 'laravel-echo'
import Pusher from 'pusher'
import PusherClient from 'pusher-js'
import { app } from './echolab.js'

const { hostname, port } = new URL(process.argv[2])
const end = (line, code) => {
  console.log(line)
  process.exit(code)
}
const echo = new Echo({
  broadcaster: 'reverb',
  Pusher: PusherClient,
  key: app.key,
  wsHost: hostname,
  wssPort: port,
  forceTLS: true,
  enabledTransports: ['ws', 'wss'],
  unavailableTimeout: 1500,
})
const { connection } = echo.connector.pusher
connection.bind('error', ({ error }) => end(`refused: ${error?.message ?? JSON.stringify(error)}`, 1))
connection.bind('unavailable', () => end('refused: unavailable', 1))
echo.channel('portal').listen('.InvoiceCreated', (data) => end(`heard ${JSON.stringify(data)}`, 0)).subscribed(() => {
  const pusher = new Pusher({ appId: app.id, key: app.key, secret: app.secret, host: hostname, port, useTLS: true })
  pusher.trigger('portal', 'InvoiceCreated', { id: 42 }).catch((error) => end(`not published: ${error}`, 1))
})
setTimeout(() => end('nothing happened', 1), 10_000)
