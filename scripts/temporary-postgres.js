import { chmod, mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Starts a PostgreSQL whose data is gone when it stops.
 *
 * @param {typeof import('#dist/src/database/embedded/index.js').startEmbeddedPostgres} start
 * @param {string} prefix how its folder is called
 * @param {string[]} [settings] more PostgreSQL settings, as `name=value`
 */
export async function startTemporaryPostgres(start, prefix, settings) {
  const folder = await mkdtemp(join(tmpdir(), prefix))
  // The server's account enters it if that is another one. The data are in a folder that only the account can enter.
  await chmod(folder, 0o755)
  const home = join(folder, 'postgres')
  const { url, stop } = await start(home, settings)
  return {
    url,
    async stop() {
      await stop()
      await rm(await realpath(home), { recursive: true })
      await rm(folder, { recursive: true, force: true })
    },
  }
}
