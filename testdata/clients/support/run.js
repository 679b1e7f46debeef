// Virtual clients beside the real ones: echolab run against a server that is there already.
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { app, binary } from './echolab.js'

// echolab runs a command line to its end.
export async function echolab(flags, cwd = tmpdir()) {
  const { PATH, HOME, LOCALAPPDATA, SystemRoot } = process.env
  const child = spawn(binary, flags, { cwd, env: { PATH, HOME, LOCALAPPDATA, SystemRoot }, stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, err] = ['', '']
  child.stdout.on('data', (text) => { out += text })
  child.stderr.on('data', (text) => { err += text })
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  return { code, out, err }
}

// play runs a scenario's text; result is what result.json would hold.
export async function play(server, scenario, flags = []) {
  const folder = await mkdtemp(join(tmpdir(), 'echolab-run-'))
  try {
    await writeFile(join(folder, 'scenario.yaml'), scenario)
    const { code, out, err } = await echolab([
      'run', 'scenario.yaml', '--url', server.url, '--app-id', app.id, '--key', app.key, '--secret', app.secret, '--json', '--quiet', '--no-keep', ...flags,
    ], folder)
    if (!out) throw new Error(`echolab run ended with ${code} and no result:\n${err}`)
    return { code, result: JSON.parse(out), said: err }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

// why is what to show when a run did not pass.
export const why = ({ result, said }) => JSON.stringify([result.reasons, result.warnings, result.presence, result.delivery, result.expectations, said], null, 1)
