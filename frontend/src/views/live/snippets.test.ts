import { createHash, createHmac } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { envValue, scriptString, shellWord } from './quote';
import { addressOf, baseOf, curl, dotenv, echo, masked, policy } from './snippets';

const app = { id: 'client-portal', key: 'local-reverb-key', connections: 0, channels: 0, subscribed: 0 };
const server = { host: '127.0.0.1', port: 8080, path: '', hostname: '', scheme: 'http', url: '', reachable_from_network: false };
const at = addressOf(server, '');

/** What people, generators and mischief put into ids, keys, secrets and names. */
const values = [
  'client-portal', 'a b', ' a ', '#1', 'a#b', 'a #b', '$x', '${PATH}', 'a$', '`id`', '$(id)', "it's", "'", "'quoted'", '"', '"quoted"', 'a"b', '="', 'a="b',
  'a\\b', '\\', '\\n', 'a\\"b', 'a\\', '<b>', '</script>', 'a&b;c|d>e', '*?[x]{a,b}', '!$', '~/x', 'a=b==', '%41+b', 'a/b/../c', '-n', '--', '0', 'Grüße', 'مرحبا', '😀',
  'true', '(false)', 'NULL', 'empty', '"true"', "'null'", 'a\nb', 'a\r\nb', '\ta', 'a\u00a0b', '\u2028', 'x'.repeat(200),
];

describe('an address', () => {
  it('can be reached', () => {
    expect(addressOf(server, 'lab.test').host).toBe('127.0.0.1');
    expect(addressOf({ ...server, host: '0.0.0.0' }, 'lab.test').host).toBe('lab.test');
    expect(addressOf({ ...server, host: '::' }, '').host).toBe('127.0.0.1');
    expect(addressOf({ ...server, host: '::1' }, '').host).toBe('[::1]');
  });

  it('has the name that the server was given for clients', () => {
    const named = addressOf({ ...server, host: '0.0.0.0', hostname: 'reverb.test', path: '/lab' }, 'lab.test');
    expect(named).toEqual({ host: 'reverb.test', port: 8080, path: '/lab', scheme: 'http' });
    expect(dotenv(app, 's', named)).toContain('\nREVERB_HOST=reverb.test\n');
    expect(echo(app, named)).toContain("wsHost: 'reverb.test'");
    expect(curl(app, 's', named)).toContain('http://reverb.test:8080/lab/apps/');
    expect(addressOf({ ...server, hostname: '0.0.0.0' }, '').host).toBe('127.0.0.1');
  });
});

describe('a policy', () => {
  it('names the port, without which a browser blocks the socket', () => {
    expect(policy(at)).toBe("Content-Security-Policy: connect-src 'self' ws://127.0.0.1:8080 http://127.0.0.1:8080\n");
    expect(policy({ ...at, host: 'portal.test', port: 443, scheme: 'https' })).toContain("'self' wss://portal.test:443 https://portal.test:443\n");
  });
});

describe('TLS', () => {
  const secured = { ...server, host: '0.0.0.0', scheme: 'https', url: 'https://portal.test:8080' };

  it('is in every snippet, with a name that the certificate is for', () => {
    const at = addressOf(secured, '192.168.0.2');
    expect(baseOf(at)).toBe('https://portal.test:8080');
    expect(dotenv(app, 's', at)).toContain('REVERB_HOST=portal.test\nREVERB_PORT=8080\nREVERB_SCHEME=https');
    expect(echo(app, at)).toContain("wssPort: 8080,\n    forceTLS: true,\n    enabledTransports: ['ws', 'wss'],");
    expect(curl(app, 's', at)).toContain("'https://portal.test:8080/apps/");
  });

  it('uses the name for clients, which the server gives only when the certificate is for it', () => {
    expect(addressOf({ ...secured, hostname: 'reverb.test', url: 'https://127.0.0.1:8080' }, '').host).toBe('reverb.test');
    expect(addressOf({ ...secured, url: 'https://[::1]:8080' }, '').host).toBe('[::1]');
  });
});

describe('.env', () => {
  it('has Laravel’s names', () => {
    const text = dotenv(app, 's3cret', at);
    expect(text).toContain('REVERB_APP_SECRET=s3cret\nREVERB_HOST=127.0.0.1\nREVERB_PORT=8080');
    expect(text).toContain('VITE_REVERB_HOST="${REVERB_HOST}"');
    expect(dotenv(app, masked, at)).toContain(`REVERB_APP_SECRET=${masked}\n`);
  });

  it('quotes what needs it, on one line', () => {
    expect(envValue('a b')).toBe('"a b"');
    expect(envValue('a\\b"c$d')).toBe('"a\\\\b\\"c\\$d"');
    expect(envValue('')).toBe('""');
    for (const value of values) expect(envValue(value)).not.toMatch(/[\n\r]/);
  });

  // app/dotenv reads the same file and must get the values back. Written anew with "npx vitest run -u".
  it('is what app/dotenv reads', async () => {
    const rows = values.map((value, i) => {
      const [id, key] = [value, values[(i + 7) % values.length] ?? ''];
      return { id, key, secret: `${value}${key}`, text: dotenv({ ...app, id, key }, `${value}${key}`, at) };
    });
    await expect(`${JSON.stringify(rows, null, 1)}\n`).toMatchFileSnapshot('../../../../testdata/snippets/dotenv.json');
  });
});

describe('the shell snippet', () => {
  /** What bash hands to curl. */
  function argsOf(text: string): string[] {
    const script = `set -eu\ncurl() { printf '%s\\0' "$@"; }\n${text}`;
    return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).split('\0').slice(0, -1);
  }

  it('words come through a shell as they are', () => {
    const script = `printf '%s\\0' ${values.map(shellWord).join(' ')}`;
    expect(execFileSync('bash', ['-c', script], { encoding: 'utf8' }).split('\0').slice(0, -1)).toEqual(values);
    expect(shellWord('')).toBe("''");
    expect(shellWord('client-portal')).toBe('client-portal');
  });

  it.each(values)('signs as the HTTP API checks: %j', (value) => {
    const [key, secret] = [`k${value}`, `s${value}`];
    const args = argsOf(curl({ ...app, id: value, key }, secret, addressOf({ ...server, path: '/lab' }, '')));
    const url = new URL(args.at(-1) ?? '');
    const body = args[args.indexOf('-d') + 1] ?? '';
    const path = `/apps/${encodeURIComponent(value)}/events`;
    expect(args.at(-1)?.split('?')[0]).toBe(`http://127.0.0.1:8080/lab${path}`);
    expect(JSON.parse(JSON.parse(body).data)).toEqual({ text: 'Hello from curl' });
    const query = Object.fromEntries(url.searchParams);
    expect(query['auth_key']).toBe(key);
    expect(query['body_md5']).toBe(createHash('md5').update(body).digest('hex'));
    const signed = ['auth_key', 'auth_timestamp', 'auth_version', 'body_md5'].map((name) => `${name}=${query[name]}`).join('&');
    expect(query['auth_signature']).toBe(createHmac('sha256', secret).update(`POST\n${path}\n${signed}`).digest('hex'));
  });
});

describe('the script snippet', () => {
  it('is told a path only when there is one', () => {
    expect(echo(app, at)).not.toContain('wsPath');
    expect(echo(app, addressOf({ ...server, path: '/lab' }, ''))).toContain("wsPath: '/lab',");
  });

  it('has strings that mean what they are', () => {
    for (const value of values) {
      const text = scriptString(value);
      expect(new Function(`return ${text}`)()).toBe(value);
      expect(text).not.toMatch(/<|[\u2028\u2029\n]/);
    }
    expect(scriptString("it's")).toBe("'it\\'s'");
  });
});
