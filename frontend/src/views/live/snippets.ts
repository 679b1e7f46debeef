// Texts to paste, made from the server's status.
import type { AppStatus, ServerStatus } from '../../backend/types';

/** Where clients connect to, seen from whoever reads this page. */
export interface Address {
  host: string;
  port: number;
  path: string;
  scheme: string;
}

/** Shown in place of a secret that nobody asked for yet. */
export const masked = '••••••••••••';

/** pageHost is the host of this page's address; empty in the desktop window. */
export function addressOf(server: ServerStatus, pageHost: string): Address {
  const everywhere = server.host === '' || server.host === '0.0.0.0' || server.host === '::';
  // With TLS only a name that the certificate is for will do.
  const host = server.scheme === 'https' ? new URL(server.url).hostname : everywhere ? pageHost || '127.0.0.1' : server.host;
  return { host: host.includes(':') && !host.startsWith('[') ? `[${host}]` : host, port: server.port, path: server.path, scheme: server.scheme };
}

/** baseOf is the address as one text. */
export const baseOf = (at: Address) => `${at.scheme}://${at.host}:${at.port}${at.path}`;

export function dotenv(app: AppStatus, secret: string, at: Address): string {
  return `BROADCAST_CONNECTION=reverb

REVERB_APP_ID=${app.id}
REVERB_APP_KEY=${app.key}
REVERB_APP_SECRET=${secret}
REVERB_HOST="${at.host}"
REVERB_PORT=${at.port}
REVERB_SCHEME=${at.scheme}

VITE_REVERB_APP_KEY="\${REVERB_APP_KEY}"
VITE_REVERB_HOST="\${REVERB_HOST}"
VITE_REVERB_PORT="\${REVERB_PORT}"
VITE_REVERB_SCHEME="\${REVERB_SCHEME}"
`;
}

export function echo(app: AppStatus, at: Address): string {
  return `// npm install laravel-echo pusher-js
import Echo from 'laravel-echo';
import Pusher from 'pusher-js';

window.Pusher = Pusher;

window.Echo = new Echo({
    broadcaster: 'reverb',
    key: '${app.key}',
    wsHost: '${at.host}',
    ${at.scheme === 'https' ? 'wssPort' : 'wsPort'}: ${at.port},${at.path ? `\n    wsPath: '${at.path}',` : ''}
    forceTLS: ${at.scheme === 'https'},
    enabledTransports: [${at.scheme === 'https' ? "'ws', 'wss'" : "'ws'"}],
});

window.Echo.channel('demo')
    .listen('.hello', (event) => console.log(event));
`;
}

export function tinker(): string {
  return `php artisan tinker --execute="Broadcast::on('demo')->as('hello')->with(['text' => 'Hello from Laravel'])->sendNow();"
`;
}

/** A signed publish with nothing but a shell, curl and openssl. The path prefix is not part of what is signed. */
export function curl(app: AppStatus, secret: string, at: Address): string {
  return `body='{"name":"hello","channel":"demo","data":"{\\"text\\":\\"Hello from curl\\"}"}'
query="auth_key=${app.key}&auth_timestamp=$(date +%s)&auth_version=1.0"
query="$query&body_md5=$(printf %s "$body" | openssl md5 -r | cut -c1-32)"
sign=$(printf 'POST\\n/apps/${app.id}/events\\n%s' "$query" |
  openssl dgst -sha256 -hmac '${secret}' -r | cut -c1-64)
curl -sS -H 'Content-Type: application/json' -d "$body" \\
  "${baseOf(at)}/apps/${app.id}/events?$query&auth_signature=$sign"
`;
}
