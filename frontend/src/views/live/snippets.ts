// Texts to paste, made from the server's status.
import type { AppStatus, ServerStatus } from '../../backend/types';
import { envValue, scriptString, shellWord, urlPart } from './quote';

/** Where clients connect to, seen from whoever reads this page. */
export interface Address {
  host: string;
  port: number;
  path: string;
  scheme: string;
}

/** Shown in place of a secret that nobody asked for yet. */
export const masked = '••••••••••••';

const everywhere = ['', '0.0.0.0', '::', '[::]'];

/**
 * The name that the server was given for clients; else the address that it listens on, and where that is every one of
 * the machine, pageHost: the host of this page's address, empty in the desktop window.
 */
export function addressOf(server: ServerStatus, pageHost: string): Address {
  // With TLS only a name that the certificate is for will do.
  const names = server.scheme === 'https' ? [server.hostname, new URL(server.url).hostname] : [server.hostname, server.host, pageHost];
  const host = names.find((h) => !everywhere.includes(h)) ?? '127.0.0.1';
  return { host: host.includes(':') && !host.startsWith('[') ? `[${host}]` : host, port: server.port, path: server.path, scheme: server.scheme };
}

/** The address as one text. */
export function baseOf(at: Address): string {
  return `${at.scheme}://${at.host}:${at.port}${encodeURI(at.path)}`;
}

/** What a page's Content-Security-Policy needs to let Echo connect and authorise. Without the port a browser blocks the socket. */
export function policy(at: Address): string {
  const host = `${at.host}:${at.port}`;
  return `Content-Security-Policy: connect-src 'self' ${at.scheme === 'https' ? 'wss' : 'ws'}://${host} ${at.scheme}://${host}\n`;
}

export function dotenv(app: AppStatus, secret: string, at: Address): string {
  return `BROADCAST_CONNECTION=reverb

REVERB_APP_ID=${envValue(app.id)}
REVERB_APP_KEY=${envValue(app.key)}
REVERB_APP_SECRET=${envValue(secret)}
REVERB_HOST=${envValue(at.host)}
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
    key: ${scriptString(app.key)},
    wsHost: ${scriptString(at.host)},
    ${at.scheme === 'https' ? 'wssPort' : 'wsPort'}: ${at.port},${at.path ? `\n    wsPath: ${scriptString(at.path)},` : ''}
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

/**
 * A signed publish with nothing but a shell, curl and openssl. What is signed is the path as it is sent, without the
 * server's prefix, and the query's values as they were before they were encoded.
 */
export function curl(app: AppStatus, secret: string, at: Address): string {
  const path = `/apps/${urlPart(app.id)}/events`;
  return `body='{"name":"hello","channel":"demo","data":"{\\"text\\":\\"Hello from curl\\"}"}'
query="auth_timestamp=$(date +%s)&auth_version=1.0"
query="$query&body_md5=$(printf %s "$body" | openssl md5 -r | cut -c1-32)"
sign=$(printf 'POST\\n%s\\nauth_key=%s&%s' ${shellWord(path)} ${shellWord(app.key)} "$query" |
  openssl dgst -sha256 -hmac ${shellWord(secret)} -r | cut -c1-64)
curl -sS -H 'Content-Type: application/json' -d "$body" \\
  ${shellWord(`${baseOf(at)}${path}?auth_key=${urlPart(app.key)}`)}"&$query&auth_signature=$sign"
`;
}
