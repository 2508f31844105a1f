import { readFileSync, writeFileSync } from 'node:fs'
import { atEnd } from './cleanup.js'

/** Setting of Linux: sched(7), "The autogroup feature". */
const setting = '/proc/sys/kernel/sched_autogroup_enabled'

/**
 * Lets the kernel share the cores between processes for the length of the run, instead of between sessions. Each process of
 * PostgreSQL is a session of its own, which can wait for half a second while all cores are used; within a container there
 * are no such groups. Only root may change this. Where it stays, the description of the machine says so.
 */
export function shareCoresByProcess() {
  if (readAutogroup() !== 'on') return
  try {
    writeFileSync(setting, '0')
    atEnd(() => writeFileSync(setting, '1'))
  } catch {
    console.error('cores are shared between sessions, which delays PostgreSQL: see bench/README.md')
  }
}

/** Returns whether the kernel shares the cores between sessions: `on`, `off`, or `absent` if it cannot. */
export function readAutogroup() {
  try {
    return readFileSync(setting, 'utf8').trim() === '0' ? 'off' : 'on'
  } catch {
    return 'absent'
  }
}
