import { isOwnAudience } from '../../auth/resources/audience.js'
import { readCatalogue } from '../../auth/resources/resource-store.js'
import { type CheckContext, type Finding, finding } from './finding.js'

/** Checks that tokens can be issued for every resource, and are not for this service at the same time. */
export async function checkResources({ config, database }: CheckContext): Promise<Finding[]> {
  const resources = [...(await readCatalogue(database)).byIdentifier.values()]
  if (config.jwtSecret)
    return [
      finding('resources', resources.length === 0, {
        ok: 'there are none, as a shared secret signs',
        warn: `${resources.length} get no tokens, as a shared secret signs: unset JWT_SECRET`,
      }),
    ]
  const issuer = { iss: config.issuer, aud: config.audience }
  const own = resources.find(({ identifier }) => isOwnAudience(identifier, issuer))
  return [
    finding('resources', !own, {
      ok: `${resources.length} defined`,
      fail: `${own?.identifier} is ISSUER or AUDIENCE too, so it gets no tokens: change one of them`,
    }),
  ]
}
