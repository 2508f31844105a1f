import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const pollMs = 50
const heartbeatMs = 1_000
/** Age of the last heartbeat at which a lock is void even if its owner seems to run: the system may have reused the process id. */
const voidAfterMs = 15_000

/**
 * Runs work under a lock that one process holds at a time. A lock is void when its owner has ended, or has not renewed it
 * for 15 seconds.
 *
 * @template T
 * @param {string} lock path of a file that holds the process id of the owner
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function exclusively(lock, work) {
  mkdirSync(dirname(lock), { recursive: true })
  while (!acquire(lock)) await delay(pollMs)
  const heartbeat = setInterval(() => renew(lock), heartbeatMs).unref()
  const release = () => rmSync(lock, { force: true })
  process.once('exit', release)
  try {
    return await work()
  } finally {
    clearInterval(heartbeat)
    process.off('exit', release)
    release()
  }
}

/** @param {string} lock */
function acquire(lock) {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    if (isVoid(lock)) remove(lock)
    return false
  }
}

/** @param {string} lock */
function renew(lock) {
  const now = new Date()
  unlessMissing(() => utimesSync(lock, now, now))
}

/**
 * Returns whether the owner has ended or stopped. A lock without a process id is about to get one.
 *
 * @param {string} lock
 */
function isVoid(lock) {
  return (
    unlessMissing(() => {
      const owner = Number(readFileSync(lock, 'utf8'))
      const age = Math.abs(Date.now() - statSync(lock).mtimeMs)
      return age > voidAfterMs || (owner > 0 && !isRunning(owner))
    }) ?? false
  )
}

/**
 * Removes a void lock. It is renamed first, so that of several processes that find it, one removes it; a lock that another
 * process has acquired meanwhile is put back.
 *
 * @param {string} lock
 */
function remove(lock) {
  const aside = `${lock}.${process.pid}`
  unlessMissing(() => {
    renameSync(lock, aside)
    if (isVoid(aside)) rmSync(aside)
    else renameSync(aside, lock)
  })
}

/** @param {number} pid */
function isRunning(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

/**
 * Returns the result of an action on a file that another process may remove, or undefined if the file is missing.
 *
 * @template T
 * @param {() => T} action
 */
function unlessMissing(action) {
  try {
    return action()
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
}

/** @param {unknown} error */
function codeOf(error) {
  return /** @type {NodeJS.ErrnoException} */ (error).code
}
