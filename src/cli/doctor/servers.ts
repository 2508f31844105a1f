import { splitHosts, withAnyTarget } from '../../config/database-hosts.js'
import { addressesOf } from '../../config/database-url.js'
import { identify, usingConnection } from '../../database/identity.js'
import { nameOf } from '../../database/servers/servers.js'
import { reasonOf } from '../../lifecycle/reason.js'
import type { CheckContext, Finding } from './finding.js'

/** Time for a server to accept a connection (milliseconds). */
const connectionMs = 3_000

/** State of a server of a list, with the reason if it cannot be used. */
interface ServerState {
  name: string
  state: 'accepts writes' | 'is a standby' | 'is read-only' | 'cannot be used'
  reason?: string
  identity?: string | null
}

/** Checks every server of the URLs that name several: one that cannot be used does not show until it is to take over. */
export async function checkServers({ config }: CheckContext): Promise<Finding[]> {
  const { databaseUrl, databaseDirectUrl, databaseReplicaUrl } = config
  const lists = Object.entries({
    DATABASE_URL: databaseUrl,
    DATABASE_DIRECT_URL: databaseDirectUrl,
    DATABASE_REPLICA_URL: databaseReplicaUrl,
  })
  const findings: Finding[] = []
  for (const [setting, url] of lists)
    if (url !== undefined && splitHosts(url).length > 1) findings.push(await checkList(setting, url))
  return findings
}

async function checkList(setting: string, url: string): Promise<Finding> {
  const servers = await Promise.all(splitHosts(url).map(inspect))
  const identities = new Set(servers.flatMap(({ identity }) => identity ?? []))
  const writable = servers.filter(({ state }) => state === 'accepts writes')
  const check = `servers of ${setting}`
  const list = servers.map(describe).join('; ')
  if (identities.size > 1)
    return { state: 'fail', check, explanation: `they have different databases: ${list}` }
  if (writable.length > 1) return { state: 'fail', check, explanation: `several accept writes: ${list}` }
  const areUsable = servers.every(({ state }) => state !== 'cannot be used')
  return { state: areUsable ? 'ok' : 'warn', check, explanation: list }
}

async function inspect(url: string): Promise<ServerState> {
  const name = nameOf(addressesOf(url)[0])
  try {
    return await usingConnection(
      { url: withAnyTarget(url), isOwn: false, connectionMs },
      async (connection) => {
        const { rows } = await connection.query<{ standby: boolean; writable: boolean }>(
          "SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only') = 'off' AS writable",
        )
        const state = rows[0]?.standby
          ? 'is a standby'
          : rows[0]?.writable
            ? 'accepts writes'
            : 'is read-only'
        return { name, state, identity: await identify(connection) }
      },
    )
  } catch (error) {
    return { name, state: 'cannot be used', reason: reasonOf(error as Error) }
  }
}

function describe({ name, state, reason }: ServerState): string {
  return reason === undefined ? `${name} ${state}` : `${name} ${state} (${reason})`
}
