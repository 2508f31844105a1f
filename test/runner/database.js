import { startTemporaryPostgres } from '../../scripts/temporary-postgres.js'

/** Settings of a server whose data need not outlive it. */
const fast = [
  ...['fsync=off', 'full_page_writes=off', 'autovacuum=off', 'max_connections=300'],
  // Each connection otherwise hashes its password 4,096 times.
  'scram_iterations=1',
]

/**
 * The migrated and seeded database that test files clone, on a PostgreSQL that runs as long as this process.
 *
 * @typedef {object} TemplateDatabase
 * @property {() => Promise<string>} provide returns its URL; makes it when the first test file asks for it
 * @property {() => void} discard makes the next `provide` create the database anew
 * @property {() => Promise<void>} close
 */

/** @returns {TemplateDatabase} */
export function createTemplateDatabase() {
  /** @type {Promise<{ url: string, stop: () => Promise<void> }> | undefined} */
  let server
  /** @type {Promise<string> | undefined} */
  let template

  async function make() {
    server ??= startServer()
    const { url } = await server
    const { createDatabase } = await import('#build/test/helpers/server.js')
    const { fillTemplate } = await import('#build/test/helpers/template.js')
    const made = await createDatabase(url)
    await fillTemplate(made)
    return made
  }

  return {
    provide() {
      template ??= make()
      return template
    },
    discard() {
      template = undefined
    },
    async close() {
      if (template && process.env.TEST_DATABASE_URL) {
        const { dropDatabase } = await import('#build/test/helpers/server.js')
        await dropDatabase(await template)
      }
      await (await server)?.stop()
    },
  }
}

/** Starts a PostgreSQL of our own, or uses the one at TEST_DATABASE_URL. */
async function startServer() {
  const url = process.env.TEST_DATABASE_URL
  if (url) return { url, stop: async () => {} }
  const { startEmbeddedPostgres } = await import('#build/src/database/embedded/index.js')
  const { hostileDefaults } = await import('#build/test/helpers/hostile.js')
  // The service must not depend on the defaults of a server.
  const hostile = Object.entries(hostileDefaults).map(([name, value]) => `${name}=${value}`)
  const server = await startTemporaryPostgres(startEmbeddedPostgres, 'latchkey-test-', [...fast, ...hostile])
  const { renewPassword } = await import('#build/test/helpers/template.js')
  await renewPassword(server.url)
  return server
}
