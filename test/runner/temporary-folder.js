import { accessSync, constants, statfsSync } from 'node:fs'

const memory = '/dev/shm'

/** Bytes that must be free: three test files have few databases at a time, of 8 MB each, and some a PostgreSQL of their own. */
const enough = 2 ** 31

/**
 * Has this process and all that it starts put temporary files, the data of PostgreSQL above all, in memory. A test
 * database is a copy of several hundred files, which cost a file system on a disk more time than all else that PostgreSQL
 * does. Does nothing where there is no such folder, or little room in it, as in a container.
 */
export function useMemoryForTemporaryFiles() {
  if (process.env.TMPDIR === undefined && hasRoom()) process.env.TMPDIR = memory
}

function hasRoom() {
  try {
    accessSync(memory, constants.W_OK)
    const { bavail, bsize } = statfsSync(memory)
    return bavail * bsize >= enough
  } catch {
    return false
  }
}
