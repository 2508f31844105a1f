import pg from 'pg'
import { driverUrl } from '../../../config/database-url.js'
import { ServerClient } from '../../../database/servers/client.js'
import { serversOf } from '../../../database/servers/servers.js'
import { OperatorError } from '../../../lifecycle/operator-error.js'
import type { RawRow } from '../row.js'

/** Number of rows that are read from the server at a time. */
const fetchedRows = 1_000

/** Time for the servers of a URL that names several (milliseconds). */
const connectMs = 10_000

/**
 * Reads the rows of a table of another PostgreSQL database, in one read-only snapshot.
 *
 * @param table name, which may have a schema before it and a dot between
 * @param password used if the URL has none
 * @throws OperatorError if the table cannot be read
 */
export async function* readTable(
  url: string,
  table: string,
  password: string | undefined,
): AsyncGenerator<RawRow> {
  const name = table
    .split('.')
    .map((part) => pg.escapeIdentifier(part))
    .join('.')
  const client = await connect(url, password)
  try {
    await client
      .query(
        `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
         DECLARE source NO SCROLL CURSOR FOR SELECT to_jsonb(source) AS fields FROM ${name} AS source`,
      )
      .catch(explain)
    let number = 0
    for (;;) {
      const { rows } = await client
        .query<{ fields: Record<string, unknown> }>(`FETCH ${fetchedRows} FROM source`)
        .catch(explain)
      for (const { fields } of rows) {
        number += 1
        yield { number, read: () => fields }
      }
      if (rows.length < fetchedRows) return
    }
  } finally {
    await client.end()
  }
}

async function connect(url: string, password: string | undefined): Promise<pg.Client> {
  try {
    const client = new ServerClient(
      { connectionString: driverUrl(url) },
      { servers: serversOf(url, 'reading'), timeoutMs: connectMs, asksRole: true },
    )
    if (client.password === null || client.password === undefined) client.password = password
    // Without a listener the loss of the connection would end the process. The interrupted query fails anyway.
    client.on('error', () => {})
    await client.connect()
    return client
  } catch (error) {
    return explain(error as Error)
  }
}

function explain({ message }: Error): never {
  throw new OperatorError(`the table cannot be read: ${message}`)
}
