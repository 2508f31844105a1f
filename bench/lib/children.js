import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { atEnd } from './cleanup.js'

const execute = promisify(execFile)
/** Time for a child to end after SIGTERM (milliseconds). After that it is killed. */
const timeLimitMs = 12_000

/** @typedef {import('node:child_process').ChildProcess} ChildProcess */

/** Option for programs whose standard error is of no interest either. @type {import('node:child_process').SpawnOptions} */
export const silent = { stdio: 'ignore' }

/**
 * Starts a process that ends with the run at the latest. Its standard output is discarded.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {{ child: ChildProcess, stop: () => Promise<void> }}
 */
export function start(command, args, options) {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'], ...options })
  const stop = () => end(child)
  atEnd(stop)
  return { child, stop }
}

/**
 * Runs a program to its end.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<string>} what it wrote to standard output
 */
export async function run(command, args, env = process.env) {
  const running = execute(command, args, { env, maxBuffer: 2 ** 24 })
  atEnd(() => end(running.child))
  return (await running).stdout
}

/**
 * Runs a program of bench/processes, which prints one line of JSON.
 *
 * @param {string} file
 * @param {object} task the argument of the program, passed as JSON
 */
export async function ask(file, task) {
  return JSON.parse(await run(process.execPath, [file, JSON.stringify(task)]))
}

/** Returns whether a program is installed. @param {string} command */
export async function isInstalled(command) {
  return execute('/bin/sh', ['-c', `command -v ${command}`]).then(
    () => true,
    () => false,
  )
}

/** @param {ChildProcess} child */
async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  const deadline = setTimeout(() => child.kill('SIGKILL'), timeLimitMs)
  await exit
  clearTimeout(deadline)
}
