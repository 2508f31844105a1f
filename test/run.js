import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { startTemporaryPostgres } from '../scripts/temporary-postgres.js'
import { hostileDefaults } from './helpers/hostile.js'
import { createDatabase, dropDatabase } from './helpers/server.js'
import { fillTemplate } from './helpers/template.js'

// Runs the tests on a PostgreSQL of their own, or on the server at TEST_DATABASE_URL, with a migrated and seeded
// database in it that each test file clones. Arguments go to tap: npm test -- test/users

/** Files that run side by side: tests wait a lot, so one for each processor, as far as the server has connections. */
const jobs = Math.min(availableParallelism(), 4)
/** Nothing that we mean may depend on the defaults of a server. */
const hostile = Object.entries(hostileDefaults).map(([name, value]) => `${name}=${value}`)
const fast = ['fsync=off', 'full_page_writes=off', 'max_connections=300']

const server = process.env.TEST_DATABASE_URL
  ? { url: process.env.TEST_DATABASE_URL, stop: async () => {} }
  : await startTemporaryPostgres('latchkey-test-', [...fast, ...hostile])
try {
  const template = await createDatabase(server.url)
  await fillTemplate(template)
  process.exitCode = await runTap({ ...process.env, TEST_TEMPLATE_URL: template })
  await dropDatabase(template)
} finally {
  await server.stop()
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>} tap's exit status
 */
async function runTap(env) {
  const tap = createRequire(import.meta.url)
    .resolve('tap/package.json')
    .replace('package.json', 'dist/esm/run.mjs')
  const child = spawn(process.execPath, [tap, 'run', `--jobs=${jobs}`, ...process.argv.slice(2)], {
    env,
    stdio: 'inherit',
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill('SIGTERM'))
  const [status] = await once(child, 'exit')
  return status ?? 1
}
