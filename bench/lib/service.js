import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { findFreePort } from '#dist/src/database/embedded/port.js'
import { run, start } from './children.js'
import { pinned } from './pinned.js'

const dist = join(import.meta.dirname, '../../dist/src')
const serverProgram = join(dist, 'server.js')
/** Options of Node.js in `npm start` and in the image. */
const nodeOptions = ['--max-semi-space-size=2']
const pollMs = 2
const timeLimitMs = 60_000
/** Secret of all processes of a run, because they share the keys in the database. */
const keyEncryptionSecret = randomBytes(32).toString('base64')

/**
 * @typedef {{ url: string, pid: number, readyMs: number, child: import('./children.js').ChildProcess, stop: () => Promise<void> }} Service
 *
 * @typedef {object} How how a process is started
 * @property {string} [program] another program to run
 * @property {string[]} [nodeArgs] further options of Node.js
 * @property {number} [core] the only core that it may use
 * @property {number} [port] port to listen on, a free one by default
 * @property {number} [stdout] descriptor of the file for its log, which is discarded by default
 */

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
 * @param {How} [how]
 * @returns {Promise<Service>}
 */
export async function startService(databaseUrl, settings, how = {}) {
  const { program = serverProgram, nodeArgs = [], core, stdout } = how
  const port = how.port ?? (await findFreePort())
  const env = { ...inherited(), ...serviceSettings(databaseUrl), ...settings, PORT: String(port) }
  const began = performance.now()
  const [command, ...args] = pinned(core, [process.execPath, ...nodeOptions, ...nodeArgs, program])
  const { child, stop } = start(command, args, { env, stdio: ['ignore', stdout ?? 'ignore', 'inherit'] })
  await waitForResponse(port, '/readyz', child)
  return {
    url: `http://127.0.0.1:${port}`,
    pid: Number(child.pid),
    readyMs: performance.now() - began,
    child,
    stop,
  }
}

/**
 * Runs a command of the service's own command line.
 *
 * @param {string} databaseUrl
 * @param {string[]} args
 * @param {Record<string, string>} [settings] additional settings
 * @returns the JSON that it printed
 */
export async function runCommand(databaseUrl, args, settings) {
  const env = { ...inherited(), ...serviceSettings(databaseUrl), ...settings }
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
