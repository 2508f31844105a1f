import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { OperatorError } from '../lifecycle/operator-error.js'

/** Maximum size of a file with a secret (bytes). Every secret is smaller. */
const maxSecretBytes = 16_384

/** Descriptions of errors, which complete the sentence "The setting names …". */
const problems: Record<string, string> = {
  EACCES: 'a file that this process may not read',
  ELOOP: 'a path with too many symbolic links',
  ENOENT: 'a file that does not exist',
  ENOTDIR: 'a path below something that is not a directory',
}

/**
 * Returns the secret in a file, without the line break at its end.
 *
 * @throws OperatorError naming the setting, but neither the path nor the content
 */
export function readSecretFile(setting: string, path: string): string {
  return readTextFile(setting, path, maxSecretBytes)
}

/**
 * Returns the text in a file, without the line break at its end.
 *
 * @throws OperatorError naming the setting, but neither the path nor the content
 */
export function readTextFile(setting: string, path: string, maxBytes: number): string {
  const refuse = (what: string): never => {
    throw new OperatorError(`${setting} names ${what}`)
  }
  const bytes = readBytes(path, maxBytes, refuse)
  if (bytes.length > maxBytes) refuse(`a file of more than ${maxBytes} bytes`)
  const text = (decode(bytes) ?? refuse('a file that is not valid UTF-8')).replace(/\r?\n$/, '')
  if (text === '') refuse('an empty file')
  // Both would become part of a secret, unseen: the first is added by editors, the second shows another encoding.
  if (text.startsWith('\ufeff')) refuse('a file with a byte order mark: save it without')
  if (text.includes('\0')) refuse('a file with a NUL character: save it as UTF-8 text')
  return text
}

/** Reads a regular file. Anything else could have no end, or could keep the process waiting. */
function readBytes(path: string, maxBytes: number, refuse: (what: string) => never): Buffer {
  try {
    // Without waiting for a writer, if the path leads to a named pipe.
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      return fstatSync(file).isFile()
        ? readStart(file, maxBytes)
        : refuse('something that is not a regular file')
    } finally {
      closeSync(file)
    }
  } catch (error) {
    if (error instanceof OperatorError) throw error
    const { code = '' } = error as NodeJS.ErrnoException
    return refuse(problems[code] ?? `a file that cannot be read (${code})`)
  }
}

/** Reads just past the maximum size. */
function readStart(file: number, maxBytes: number): Buffer {
  const buffer = Buffer.alloc(maxBytes + 1)
  let length = 0
  for (let count = -1; count !== 0; length += count)
    count = readSync(file, buffer, length, buffer.length - length, null)
  return buffer.subarray(0, length)
}

function decode(bytes: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null
  }
}
