import { importSet } from '../../auth/clients/jwk.js'
import { fetchKeySet, type KeySource } from '../../auth/clients/key-source.js'
import { reasonOf } from '../../lifecycle/reason.js'
import type { CheckContext, Finding } from './finding.js'

/** A source of keys, and the client that authenticates with them. */
type ClientSource = KeySource & { clientId: string }

/** Checks that the key sets of clients and of the issuers that they trust can be fetched. */
export async function checkKeySets({ database }: CheckContext): Promise<Finding[]> {
  const enabled = { client: { disabled: false } }
  const sources: ClientSource[] = [
    ...(await database.clientKeys.findMany({ where: enabled })),
    ...(await database.trustedIssuer.findMany({ where: enabled })),
  ]
  const remote = sources.filter(({ jwks }) => jwks === null)
  const problems = (await Promise.all(remote.map(tryFetch))).filter((problem) => problem !== null)
  if (problems.length === 0)
    return [{ state: 'ok', check: 'key sets', explanation: 'each that has a URL can be fetched' }]
  return problems.map((explanation) => ({ state: 'warn', check: 'key sets', explanation }))
}

/** Returns why the key set of a client cannot be used, if it is fetched from here, or null. */
async function tryFetch(source: ClientSource): Promise<string | null> {
  const { clientId, jwksUri, issuer } = source
  const describe = (problem: string) => `of ${clientId} at ${jwksUri ?? issuer}: ${problem}`
  try {
    return importSet(await fetchKeySet(source)).length > 0 ? null : describe('it has no key for signatures')
  } catch (error) {
    return describe(reasonOf(error as Error))
  }
}
