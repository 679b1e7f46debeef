// The guide's bootstrap: Echo over Reverb, as resources/js/echo.js of a Laravel application has it.
import Echo from 'laravel-echo'
import Pusher from 'pusher-js'
import { identity } from './api.js'

window.Pusher = Pusher

window.Echo = new Echo({
  broadcaster: 'reverb',
  key: import.meta.env.VITE_REVERB_APP_KEY,
  wsHost: import.meta.env.VITE_REVERB_HOST,
  wsPort: import.meta.env.VITE_REVERB_PORT ?? 80,
  wssPort: import.meta.env.VITE_REVERB_PORT ?? 443,
  forceTLS: (import.meta.env.VITE_REVERB_SCHEME ?? 'https') === 'https',
  enabledTransports: ['ws', 'wss'],
  // The session's cookie goes along by itself. A tab that was opened with ?user= says whose it is.
  auth: { headers: identity() },
})

export default window.Echo
