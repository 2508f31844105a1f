import { randomUUID } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

// Directories are filled under a temporary name, so that an interrupted start leaves nothing incomplete under the final
// one. A mark inside names the process that fills it, so that a later start can remove what a killed process left behind.

const mark = '.unfinished'
const stagingName = /^(postgres|copy)-\w{6}$/

/** Tells this process from an ended one that had the same process id, as processes of containers do. */
const run = randomUUID()

/** Creates an unfinished directory. @param purpose beginning of its name */
export async function createStaging(place: string, purpose: 'postgres' | 'copy'): Promise<string> {
  const staging = await mkdtemp(join(place, `${purpose}-`))
  await writeFile(join(staging, mark), `${process.pid} ${run}`)
  return staging
}

/** Declares a directory finished, under whichever name it has now. */
export async function finishStaging(directory: string): Promise<void> {
  await rm(join(directory, mark), { force: true })
}

/** Removes the unfinished directories in `place` whose process has ended. Those that cannot be removed are left. */
export async function removeAbandoned(place: string): Promise<void> {
  const names = await readdir(place).catch(() => [])
  for (const name of names)
    if (stagingName.test(name) && (await isAbandoned(join(place, name))))
      await rm(join(place, name), { recursive: true }).catch(() => {})
}

/** Returns whether a directory is unfinished and its process has ended. Directories of others have no mark. */
async function isAbandoned(directory: string): Promise<boolean> {
  const owner = await readFile(join(directory, mark), 'utf8').catch(() => '')
  const [, pid, ownRun] = /^(\d+) (\S+)$/.exec(owner) ?? []
  if (pid === undefined) return false
  return Number(pid) === process.pid ? ownRun !== run : !isRunning(Number(pid))
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
