// A server that speaks https and wss with a certificate of its own, and the CA to trust, as "echolab tls" tells it.
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { binary, start } from './echolab.js'

const run = promisify(execFile)

// secured resolves with the server, what "echolab tls --json" says, and a home folder that trusts nothing yet.
export async function secured(test) {
  const home = await mkdtemp(join(tmpdir(), 'echolab-home-'))
  const env = { ECHOLAB_DATA: join(home, 'data') }
  const server = await start({ flags: ['--tls', 'auto'], env })
  test.after(async () => {
    await server.stop()
    await rm(home, { recursive: true, force: true })
  })
  const { stdout } = await run(binary, ['tls', '--json'], { cwd: home, env: { PATH: process.env.PATH, HOME: home, ...env } })
  return { server, home, told: JSON.parse(stdout) }
}

// follow does what an instruction says, line by line, in that home folder.
export async function follow(instruction, home) {
  await run('sh', ['-ec', instruction.lines.join('\n')], { env: { PATH: process.env.PATH, HOME: home } })
}
