import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { cp, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { NotAvailable } from '../lib/not-available.js'

/** Folder of the installed peers, which git ignores. */
const peersCache = join(import.meta.dirname, '../../node_modules/.cache/latchkey/peers')
/** File that says that an installation is complete. */
const mark = '.installed'

/**
 * Installs a peer from its public packages, unless that was done before for the same files.
 *
 * @param {string} name
 * @param {string} source folder with the peer's files, which are copied
 * @param {string} runtime version of the program that runs the peer
 * @param {(folder: string) => Promise<unknown>} install installs the packages in the copy
 * @param {string} [cache] folder of the installed peers
 * @returns {Promise<string>} the folder of the copy
 * @throws {NotAvailable} if the packages cannot be installed
 */
export async function installPeer(name, source, runtime, install, cache = peersCache) {
  const folder = join(cache, `${name}-${fingerprint(source, runtime)}`)
  if (existsSync(join(folder, mark))) return folder
  console.error(`installing ${name} …`)
  await rm(folder, { recursive: true, force: true })
  await mkdir(cache, { recursive: true })
  await cp(source, folder, { recursive: true })
  try {
    await install(folder)
  } catch (error) {
    throw new NotAvailable(`its packages could not be installed: ${reasonOf(error)}`, { cause: error })
  }
  await writeFile(join(folder, mark), '')
  return folder
}

/**
 * @param {string} source
 * @param {string} runtime
 */
function fingerprint(source, runtime) {
  const hash = createHash('sha256').update(runtime)
  for (const file of readdirSync(source).sort()) hash.update(file).update(readFileSync(join(source, file)))
  return hash.digest('hex').slice(0, 12)
}

/** Returns the first error that the program printed or, if it printed none, the message. @param {unknown} error */
function reasonOf(error) {
  const { message, stderr = '' } = /** @type {Error & { stderr?: string }} */ (error)
  return stderr.split('\n').find((line) => /^(npm )?error\b/i.test(line)) ?? message
}
