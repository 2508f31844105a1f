import { chmod, mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Starts a temporary PostgreSQL server. Its data is removed when it stops.
 *
 * @param {typeof import('#dist/src/database/embedded/index.js').startEmbeddedPostgres} start
 * @param {string} prefix beginning of the folder's name
 * @param {string[]} [settings] further PostgreSQL settings, as `name=value`
 */
export async function startTemporaryPostgres(start, prefix, settings) {
  const folder = await mkdtemp(join(tmpdir(), prefix))
  // The server may run as another account, which must be able to enter this folder. The data folder inside it can be
  // entered only by that account.
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
