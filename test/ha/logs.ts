import { readFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'

/** Number of lines of each log that are shown. */
const lineCount = 25

/** Returns the last lines of logs, each below the names of its folder and file. */
export async function readEnds(logs: string[]): Promise<string> {
  const ends = await Promise.all(
    logs.map(async (log) => {
      const text = await readFile(log, 'utf8').catch(String)
      const lines = text.trimEnd().split('\n').slice(-lineCount)
      return [`--- ${basename(dirname(log))}/${basename(log)}`, ...lines].join('\n')
    }),
  )
  return ends.join('\n')
}
