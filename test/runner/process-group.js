import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { killGroup } from './kill-group.js'

/** Process that cleans up when this one has ended. A signal to our process group does not reach it: it is detached. */
const guardian = spawn(process.execPath, [join(import.meta.dirname, 'guardian.js')], {
  detached: true,
  stdio: ['pipe', 'inherit', 'inherit'],
})
guardian.unref()
const register = /** @type {import('node:net').Socket} */ (guardian.stdin)
register.unref()

/** @typedef {{ status: number | null, signal: NodeJS.Signals | null }} Ending */

/** @type {Set<number>} */
const running = new Set()
let isEnding = false

/**
 * Starts a program in a process group of its own. When the program ends, and when this process does, even by SIGKILL, the
 * whole group is killed.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} options
 * @returns {{ child: import('node:child_process').ChildProcess, ended: Promise<Ending> }}
 */
export function startGroup(program, args, options) {
  const child = spawn(program, args, { ...options, detached: true })
  const id = /** @type {number} */ (child.pid)
  running.add(id)
  register.write(`+${id}\n`)
  child.once('exit', () => {
    // The output of the program stays open as long as any process of the group holds it.
    killGroup(id)
    running.delete(id)
    register.write(`-${id}\n`)
  })
  const ended = once(child, 'close').then(([status, signal]) =>
    isEnding ? new Promise(() => {}) : { status, signal },
  )
  return { child, ended }
}

/**
 * Removes a folder when this process has ended and its groups have been killed.
 *
 * @param {string} folder absolute path
 */
export function removeAtEnd(folder) {
  register.write(`${folder}\n`)
}

/** Kills all groups. Promises of their end are never settled, so that nothing continues that waits for one. */
export function endGroups() {
  isEnding = true
  for (const id of running) killGroup(id)
}
