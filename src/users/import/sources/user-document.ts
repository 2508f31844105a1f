import { InvalidInput } from '../../../errors.js'
import { parseJson } from '../../../http/json/parser.js'
import { OperatorError } from '../../../lifecycle/operator-error.js'
import { RowProblem } from '../account.js'
import type { RawRow } from '../row.js'

/** Maximum size of an export (bytes). Keycloak can export a larger realm in several files. */
const maxExportBytes = 268_435_456

/** Reads a JSON document that is a list of users or has one, as the exports of Keycloak and Firebase do. */
export async function* readUserDocument(input: AsyncIterable<Buffer>): AsyncGenerator<RawRow> {
  let number = 0
  for (const user of await readUsers(input)) {
    number += 1
    yield { number, read: () => toFields(user) }
  }
}

function toFields(user: unknown): Record<string, unknown> {
  if (typeof user !== 'object' || user === null) throw new RowProblem('a user must be a JSON object')
  return user as Record<string, unknown>
}

async function readUsers(input: AsyncIterable<Buffer>): Promise<unknown[]> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of input) {
    parts.push(part)
    length += part.length
    if (length > maxExportBytes)
      throw new OperatorError(
        `an export must have at most ${maxExportBytes} bytes: export users to several files`,
      )
  }
  const document = parseDocument(Buffer.concat(parts))
  const users = Array.isArray(document) ? document : document?.users
  if (!Array.isArray(users)) throw new OperatorError('the file is not a JSON document with a list of users')
  return users
}

/** Parses the document, whose number of members is bounded by its size. @throws OperatorError */
function parseDocument(bytes: Buffer): { users?: unknown } | unknown[] | null {
  try {
    return parseJson(bytes, maxExportBytes) as { users?: unknown } | unknown[] | null
  } catch (error) {
    const problem = error instanceof InvalidInput ? error.message : 'Not valid JSON'
    throw new OperatorError(`the file is not a JSON document with a list of users: ${problem}`)
  }
}
