import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'

/** Beginning of the lines of requests, of which there are millions. */
const info = '{"level":30,'
/** Maximum number of messages that are told apart. */
const limit = 50

/**
 * Counts the lines of a log whose level is `warn` or above, by message and reason.
 *
 * @param {string} path
 * @param {Map<string, number>} counts
 */
export async function countWarnings(path, counts) {
  for await (const line of createInterface({ input: createReadStream(path) })) {
    if (line.startsWith(info) || !line.startsWith('{')) continue
    const { msg, reason = '' } = JSON.parse(line)
    const message = `${msg}${reason && `: ${reason}`}`
    const isKnown = counts.has(message) || counts.size < limit
    const key = isKnown ? message : 'other messages'
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
}
