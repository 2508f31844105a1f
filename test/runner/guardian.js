import { createInterface } from 'node:readline'
import { killGroup } from './kill-group.js'

// Kills the process groups that a test run has left, when the run ends, whatever ended it: its pipe closes then. Standard
// input says which there are: `+ID` for one that has begun, `-ID` for one that has ended.

/** @type {Set<number>} */
const groups = new Set()

createInterface(process.stdin)
  .on('line', (line) => {
    const id = Number(line.slice(1))
    if (line.startsWith('+')) groups.add(id)
    else groups.delete(id)
  })
  .on('close', () => {
    for (const id of groups) killGroup(id)
  })
