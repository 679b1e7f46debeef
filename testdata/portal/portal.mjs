// Builds the portal and serves it beside a running Echolab, as the demo and the tests do. A folder of its own for each
// build, because VITE_REVERB_* are part of it.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, preview } from 'vite'

export const folder = dirname(fileURLToPath(import.meta.url))
export const root = join(folder, '../..')

/**
 * The portal of an Echolab at that address, on a port (0: any free one; taken: the next).
 * @returns {Promise<{url: string, stop: () => Promise<void>}>}
 */
export async function portal(server, port = 0) {
  const { hostname, port: socketPort, protocol } = new URL(server)
  Object.assign(process.env, {
    PORTAL_BACKEND: server,
    VITE_REVERB_APP_KEY: 'local-reverb-key',
    VITE_REVERB_HOST: hostname,
    VITE_REVERB_PORT: socketPort,
    VITE_REVERB_SCHEME: protocol === 'https:' ? 'https' : 'http',
  })
  const outDir = await mkdtemp(join(tmpdir(), 'client-portal-'))
  await build({ root: folder, logLevel: 'warn', build: { outDir, emptyOutDir: true } })
  const served = await preview({ root: folder, logLevel: 'silent', build: { outDir }, preview: { host: '127.0.0.1', port, strictPort: false } })
  const { port: taken } = served.httpServer.address()
  return {
    url: `http://127.0.0.1:${taken}`,
    async stop() {
      await served.close()
      await rm(outDir, { recursive: true, force: true })
    },
  }
}
