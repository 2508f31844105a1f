import { accessSync, chmodSync, constants, mkdtempSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { removeAtEnd } from './process-group.js'

const memory = '/dev/shm'

/** Memory that must be free, for coverage and for the databases of test files that run side by side (bytes). */
const requiredBytes = 4 * 2 ** 30

/**
 * Creates the folder for all temporary files of this run and of the programs that it starts, above all PostgreSQL's data.
 * It is removed when the run has ended, even by SIGKILL.
 *
 * The folder is in memory if there is room, unless TMPDIR names a place. A test database is a copy of several hundred
 * files, which costs more processor time on a disk than everything else that PostgreSQL does.
 */
export function makeTemporaryFolder() {
  const parent = process.env.TMPDIR === undefined && hasRoom() ? memory : tmpdir()
  const folder = mkdtempSync(join(parent, 'latchkey-run-'))
  // PostgreSQL runs as another account if this one is root.
  chmodSync(folder, 0o755)
  process.env.TMPDIR = folder
  removeAtEnd(folder)
}

function hasRoom() {
  try {
    accessSync(memory, constants.W_OK)
    const { bavail, bsize } = statfsSync(memory)
    return bavail * bsize >= requiredBytes
  } catch {
    return false
  }
}
