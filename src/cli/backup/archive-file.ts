import { randomUUID } from 'node:crypto'
import { createReadStream, rmSync } from 'node:fs'
import { access, type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { OperatorError } from '../../lifecycle/operator-error.js'
import { CommandError, exitStatus } from '../command-error.js'
import type { Io } from '../io.js'

/** Writes the next bytes. */
type Write = (bytes: Uint8Array) => Promise<void>

/** Permissions of an archive, which contains password hashes. */
const ownerOnly = 0o600

/**
 * Opens an archive, or standard input for `-`.
 *
 * @throws OperatorError if it cannot be read
 */
export async function openArchive(file: string, { stdin }: Io): Promise<AsyncIterable<Buffer>> {
  if (file === '-') return stdin as AsyncIterable<Buffer>
  await access(file).catch(explainReading)
  return readChunks(file)
}

async function* readChunks(file: string): AsyncGenerator<Buffer> {
  try {
    yield* createReadStream(file) as AsyncIterable<Buffer>
  } catch (error) {
    explainReading(error)
  }
}

/** @throws CommandError if an archive would be written to a terminal, or replace something that is no file */
export async function requireWritable(file: string, { stdout }: Io): Promise<void> {
  if (file === '-' && stdout.isTTY)
    throw new CommandError(exitStatus.usage, 'an archive is not written to a terminal: name a file')
  const existing = file === '-' ? undefined : await stat(file).catch(() => undefined)
  if (existing && !existing.isFile())
    throw new CommandError(exitStatus.usage, `${file} is not a regular file; - stands for standard output`)
}

/** Signals that end a command. */
const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Writes a file completely or not at all: under a temporary name beside it, which it gets when every byte is on disk.
 *
 * @throws OperatorError if it cannot be written
 */
export async function writeFileAtomically<T>(
  file: string,
  writeAll: (write: Write) => Promise<T>,
): Promise<T> {
  const temporary = `${file}.${randomUUID()}.tmp`
  const handle = await open(temporary, 'wx', ownerOnly).catch(explainWriting)
  const keepOnSignal = removeOnSignal(temporary)

  async function writeAndRename(): Promise<T> {
    const result = await writeAndSync(handle, writeAll).finally(() => handle.close())
    await rename(temporary, file).catch(explainWriting)
    await syncDirectory(dirname(file))
    return result
  }

  async function remove(error: unknown): Promise<never> {
    await rm(temporary, { force: true })
    throw error
  }

  return writeAndRename().catch(remove).finally(keepOnSignal)
}

/** Removes a file when a signal ends the process. Returns a function after which it is kept. */
function removeOnSignal(file: string): () => void {
  function removeAndEnd(signal: NodeJS.Signals): void {
    rmSync(file, { force: true })
    process.kill(process.pid, signal)
  }
  // Without the listener, which is called once, the same signal ends the process.
  for (const signal of endingSignals) process.once(signal, removeAndEnd)
  return function keep() {
    for (const signal of endingSignals) process.off(signal, removeAndEnd)
  }
}

async function writeAndSync<T>(handle: FileHandle, writeAll: (write: Write) => Promise<T>): Promise<T> {
  const result = await writeAll((bytes) => handle.appendFile(bytes).catch(explainWriting))
  await handle.sync().catch(explainWriting)
  return result
}

/** Makes a new name survive a crash of the system. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path)
  await directory.sync().finally(() => directory.close())
}

const explainReading = explain('the archive cannot be read')
const explainWriting = explain('the archive cannot be written')

/** Returns a function that throws an error with its reason. */
function explain(what: string): (error: unknown) => never {
  return function fail(error) {
    throw new OperatorError(`${what}: ${(error as Error).message}`, { cause: error })
  }
}
