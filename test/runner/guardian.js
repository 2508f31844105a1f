import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { killGroup } from './kill-group.js'

// When a test run ends, kills the process groups that it has left, and removes its folder. The run writes to the standard
// input of this process: `+ID` for a group that has begun, `-ID` for one that has ended, and the absolute path of the
// folder. However the run ends, standard input closes then.

/** @type {Set<number>} */
const groups = new Set()
let folder = ''

createInterface(process.stdin)
  .on('line', (line) => {
    const id = Number(line.slice(1))
    if (line.startsWith('/')) folder = line
    else if (line.startsWith('+')) groups.add(id)
    else groups.delete(id)
  })
  .on('close', () => {
    for (const id of groups) killGroup(id)
    // PostgreSQL ends when a pipe of its own closes, and may write to the folder until then.
    if (folder) rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  })
