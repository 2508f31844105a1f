import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { killGroup } from './kill-group.js'

// Kills the process groups that a test run has left, and removes its folder, when the run ends, whatever ended it: its
// pipe closes then. Standard input says what there is: `+ID` for a group that has begun, `-ID` for one that has ended,
// and the absolute path of the folder.

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
    // PostgreSQL ends by a pipe of its own, and may write to the folder until then.
    if (folder) rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  })
