import { type SealingKeys, unsealWithAny } from '../sealing/sealing-keys.js'
import type { ArchiveSummary } from './archive.js'
import { readArchive } from './archive-reader.js'
import { parseRows } from './copy-text.js'
import { sealedColumns } from './sealed-columns.js'

/** Result of a verification. */
export interface Verification extends ArchiveSummary {
  /** Number of secrets that were decrypted. */
  decrypted: number
  /** For each secret that cannot be decrypted, the name of its table. */
  undecryptable: string[]
}

/**
 * Reads an archive, compares it with its checksums, and tries to decrypt every secret in it.
 *
 * @throws InvalidArchive if it is damaged
 */
export async function verifyArchive(
  source: AsyncIterable<Uint8Array>,
  sealingKeys: SealingKeys,
): Promise<Verification> {
  let decrypted = 0
  const undecryptable: string[] = []
  const summary = await readArchive(source, async () => ({
    async onEnd() {},
    async onTable({ name, columns }, chunks) {
      const secrets = sealedColumns.filter(({ table }) => table === name)
      if (secrets.length === 0) return discard(chunks)
      for await (const row of parseRows(columns, chunks))
        for (const { column, purposeOf } of secrets) {
          const value = row[column]
          if (!value) continue
          if (canUnseal(value, purposeOf(row), String(row.sealed_under), sealingKeys)) decrypted += 1
          else undecryptable.push(name)
        }
    },
  }))
  return { ...summary, decrypted, undecryptable }
}

/** Reads chunks to their end, as the checksums require. */
async function discard(chunks: AsyncIterable<Buffer>): Promise<void> {
  const iterator = chunks[Symbol.asyncIterator]()
  while (!(await iterator.next()).done);
}

/** @param text a bytea in the hex format of PostgreSQL (`\x…`) */
function canUnseal(text: string, purpose: string, sealedUnder: string, keys: SealingKeys): boolean {
  try {
    unsealWithAny(Buffer.from(text.slice(2), 'hex'), purpose, sealedUnder, keys)
    return true
  } catch {
    return false
  }
}
