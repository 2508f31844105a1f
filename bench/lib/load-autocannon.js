import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from './children.js'
import { atEnd } from './cleanup.js'
import { pinned } from './pinned.js'

const program = join(import.meta.dirname, '../processes/autocannon.js')

/** Loads a server by autocannon, which runs in a process of its own. @type {import('./load.js').Load} */
export async function loadWithAutocannon(task) {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-autocannon-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  atEnd(remove)
  // Ten thousand tokens are too long for an argument.
  const file = join(folder, 'task.json')
  await writeFile(file, JSON.stringify(task))
  const [command, ...args] = pinned(task.core, [process.execPath, program, file])
  const output = await run(command, args)
  await remove()
  return JSON.parse(output)
}
