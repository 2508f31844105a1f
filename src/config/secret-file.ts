import { closeSync, openSync, readSync } from 'node:fs'
import { OperatorError } from '../lifecycle/operator-error.js'

/** Maximum size of a file with a secret (bytes). Every secret is smaller. */
const maxBytes = 16_384

/**
 * Returns the secret in a file, without the line break at its end.
 *
 * @throws OperatorError naming the setting, but neither the path nor the content
 */
export function readSecretFile(setting: string, path: string): string {
  const bytes = readBytes(setting, path)
  if (bytes.length > maxBytes)
    throw new OperatorError(`${setting} names a file of more than ${maxBytes} bytes`)
  const secret = decode(setting, bytes).replace(/\r?\n$/, '')
  if (secret === '') throw new OperatorError(`${setting} names an empty file`)
  return secret
}

/** Reads just past the maximum size, as the path may lead to a pipe or a device. */
function readBytes(setting: string, path: string): Buffer {
  const buffer = Buffer.alloc(maxBytes + 1)
  try {
    const file = openSync(path, 'r')
    try {
      let length = 0
      for (let count = -1; count !== 0; length += count)
        count = readSync(file, buffer, length, buffer.length - length, null)
      return buffer.subarray(0, length)
    } finally {
      closeSync(file)
    }
  } catch (error) {
    throw new OperatorError(
      `${setting} names a file that cannot be read (${(error as NodeJS.ErrnoException).code})`,
    )
  }
}

function decode(setting: string, bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new OperatorError(`${setting} names a file that is not valid UTF-8`)
  }
}
