import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { findFreePort } from '#dist/src/database/embedded/port.js'
import { run, start } from './children.js'

const dist = join(import.meta.dirname, '../../dist/src')
const pollMs = 2
const timeLimitMs = 30_000
/** Secret of all processes of a run, because they share the keys in the database. */
const keyEncryptionSecret = randomBytes(32).toString('base64')

/** @typedef {{ url: string, pid: number, readyMs: number, stop: () => Promise<void> }} Service */

/**
 * Returns the settings of the service. NODE_ENV is not production, because production refuses the tutorial's users, who
 * log in here.
 *
 * @param {string} databaseUrl
 */
export function serviceSettings(databaseUrl) {
  return {
    NODE_ENV: 'development',
    ISSUER: 'https://latchkey.example.com',
    KEY_ENCRYPTION_SECRET: keyEncryptionSecret,
    DATABASE_URL: databaseUrl,
    // No proxy has to notice that the service shuts down.
    DRAIN_SECONDS: '0',
  }
}

/**
 * Starts the service, and waits until it is ready.
 *
 * @param {string} databaseUrl
 * @param {Record<string, string>} [settings] additional settings
 * @returns {Promise<Service>}
 */
export async function startService(databaseUrl, settings) {
  const port = await findFreePort()
  const env = { ...inherited(), ...serviceSettings(databaseUrl), ...settings, PORT: String(port) }
  const began = performance.now()
  const { child, stop } = start(process.execPath, [join(dist, 'server.js')], { env })
  await waitForResponse(port, '/readyz', child)
  return {
    url: `http://127.0.0.1:${port}`,
    pid: Number(child.pid),
    readyMs: performance.now() - began,
    stop,
  }
}

/**
 * Runs a command of the service's own command line.
 *
 * @param {string} databaseUrl
 * @param {string[]} args
 * @returns the JSON that it printed
 */
export async function runCommand(databaseUrl, args) {
  const env = { ...inherited(), ...serviceSettings(databaseUrl) }
  return JSON.parse(await run(process.execPath, [join(dist, 'cli/latchkey.js'), ...args, '--json'], env))
}

/**
 * Waits until a server responds with 200.
 *
 * @param {number} port
 * @param {string} path
 * @param {import('./children.js').ChildProcess} child
 */
export async function waitForResponse(port, path, child) {
  const deadline = performance.now() + timeLimitMs
  while (!(await isResponding(port, path))) {
    if (child.exitCode !== null) throw new Error(`a server ended with status ${child.exitCode}`)
    if (performance.now() > deadline) throw new Error(`a server was not ready within ${timeLimitMs} ms`)
    await delay(pollMs)
  }
}

/**
 * @param {number} port
 * @param {string} path
 * @returns {Promise<boolean>}
 */
function isResponding(port, path) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`),
    )
    socket.once('data', (response) => {
      socket.destroy()
      resolve(response.toString('latin1').startsWith('HTTP/1.1 200 '))
    })
    for (const event of ['error', 'close']) socket.once(event, () => resolve(false))
  })
}

/** Returns the environment variables that a process needs to find programs. */
function inherited() {
  const names = ['PATH', 'HOME', 'TMPDIR', 'SystemRoot']
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])))
}
