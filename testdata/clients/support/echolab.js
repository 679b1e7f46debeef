// Starts the built binary the way a developer does, in an empty folder and without the caller's settings.
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export const binary = process.env.ECHOLAB_BIN ?? fileURLToPath(new URL('../../../bin/echolab', import.meta.url))

export const app = { id: 'client-portal', key: 'local-reverb-key', secret: 'local-reverb-secret' }

// start resolves when the server says that it is ready.
// flags: more command line; env: settings by environment; config: the text of an echolab.yaml.
export async function start({ flags = [], env = {}, config = '', port = 0 } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'echolab-clients-'))
  if (config) await writeFile(join(folder, 'echolab.yaml'), config)
  const server = { folder, flags, env }
  await run(server, port)
  return {
    get url() { return server.url },
    // ui is the address of the page and its API.
    get ui() { return server.ui },
    // said is what the server has logged since it was started.
    get said() { return server.said },
    get port() { return Number(new URL(server.url).port) },
    // restart stops the server and starts it on the same port.
    async restart() {
      const { port } = new URL(server.url)
      await end(server)
      await run(server, port)
    },
    async stop() {
      await end(server)
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function run(server, port) {
  const flags = ['serve', '--host', '127.0.0.1', '--port', String(port), '--ui-port', '0', '--db', ':memory:', '--json', ...server.flags]
  const { PATH, HOME, LOCALAPPDATA, SystemRoot } = process.env
  const child = spawn(binary, flags, {
    cwd: server.folder,
    env: { PATH, HOME, LOCALAPPDATA, SystemRoot, ...server.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  server.said = ''
  child.stderr.on('data', (text) => { server.said += text })
  const ended = new Promise((resolve) => child.once('close', (code) => resolve(code)))
  server.child = child
  server.ended = ended
  const ready = new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new Error(`${binary} does not start: ${error.message}; build it with make, or set ECHOLAB_BIN`)))
    createInterface({ input: child.stdout }).on('line', (line) => {
      server.said += line + '\n'
      const fact = parse(line)
      if (fact?.event === 'ready') resolve(fact)
    })
    ended.then((code) => reject(new Error(`echolab ${flags.join(' ')} ended with ${code} before it was ready:\n${server.said}`)))
  })
  ;({ server: server.url, ui: server.ui } = await ready)
}

async function end(server) {
  server.child.kill('SIGTERM')
  const code = await server.ended
  if (code !== 0) throw new Error(`echolab ended with ${code} after SIGTERM`)
}

function parse(line) {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
