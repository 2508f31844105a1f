/** Characters by the letter that stands for them after a backslash, in the text format of PostgreSQL's COPY. Any other stands for itself. */
const escapes: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

const backslash = 0x5c
const carriageReturn = 0x0d

/** Bytes that COPY writes after a backslash: the letters above, another backslash, and the N of null. */
const escapedBytes = new Set(Buffer.from([...Object.keys(escapes), '\\', 'N'].join('')))

/**
 * Returns whether COPY can have written the rows. It reads more than it writes: it takes a carriage return for the end of a row, and `\.`
 * for the end of all rows, and ignores everything after that.
 *
 * @param rows complete rows
 */
export function isCopyText(rows: Buffer): boolean {
  if (rows.includes(carriageReturn)) return false
  for (let at = rows.indexOf(backslash); at !== -1; at = rows.indexOf(backslash, at + 2))
    if (!escapedBytes.has(Number(rows[at + 1]))) return false
  return true
}

/**
 * Parses rows in the text format of COPY.
 *
 * @param chunks chunks of complete rows
 * @returns for each row its columns by their names. The text of a bytea is `\x` and hexadecimal digits.
 */
export async function* parseRows(
  columns: readonly string[],
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<Record<string, string | null>> {
  for await (const chunk of chunks)
    for (const row of chunk.toString().split('\n').slice(0, -1)) {
      const fields = row.split('\t')
      yield Object.fromEntries(columns.map((name, index) => [name, parseField(fields[index])]))
    }
}

function parseField(field = '\\N'): string | null {
  if (field === '\\N') return null
  return field.replace(/\\(.)/gs, (_escape, character: string) => escapes[character] ?? character)
}
