import { rmSync, statSync, utimesSync } from 'node:fs'

/** Time for which a chunk of an earlier build is kept (milliseconds). */
const keepChunksMs = 7 * 24 * 60 * 60 * 1000

/**
 * Removes a file that is no longer part of the build. A chunk is kept for a week first, as a service that runs from an
 * earlier build loads some of its chunks only when it needs them. The week begins when the chunk is replaced: its time of
 * modification is set then.
 *
 * @param {string} path
 * @param {boolean} wasCurrent whether it was part of the last build
 * @param {Date} now
 */
export function retire(path, wasCurrent, now) {
  if (!/\bchunk-\w+\.js$/.test(path)) rmSync(path)
  else if (wasCurrent) utimesSync(path, now, now)
  else if (now.getTime() - statSync(path).mtimeMs > keepChunksMs) rmSync(path)
}
