import { readFile } from 'node:fs/promises'

/**
 * Returns what reads secrets from a file, for the options `clientSecret` and `clientAssertion`. The file is read before every
 * token request, so that a replaced one is used at once. It has one secret, or several in lines of their own.
 */
export function secretFile(path: string | URL): () => Promise<string[]> {
  return async () => (await readFile(path, 'utf8')).split(/\r?\n/).filter((line) => line.trim() !== '')
}
