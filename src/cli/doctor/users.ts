import { findMacKey } from '../../auth/keys/mac-key-store.js'
import { sealingKeysOf } from '../../auth/keys/sealing-keys.js'
import { reportClaims } from '../../users/names/taken-names.js'
import { describePublished, findPublishedPasswords } from '../../users/published-passwords.js'
import { type CheckContext, type Finding, finding } from './finding.js'

/** Maximum number of names in one explanation. */
const maxNamed = 20

/** Checks for published passwords and for an administrator. */
export async function checkUsers({ config, database }: CheckContext): Promise<Finding[]> {
  const published = config.production ? await findPublishedPasswords(database) : []
  const administrators = await database.user.count({
    where: { disabled: false, scopes: { has: 'users:admin' } },
  })
  return [
    ...published.map(
      (name): Finding => ({ state: 'fail', check: name, explanation: describePublished(name) }),
    ),
    finding('administrators', administrators > 0, {
      ok: `there are ${administrators}`,
      warn: 'there are none: run latchkey users set-scopes NAME --scope users:admin',
    }),
  ]
}

/** Checks that usernames, former ones included, cannot be mistaken for one another. */
export async function checkNames({ config, database }: CheckContext): Promise<Finding[]> {
  const macKey = await findMacKey(database, sealingKeysOf(config))
  const { alike, lost } = await reportClaims(database, macKey)
  const named = alike.slice(0, maxNamed).join(' ')
  const ellipsis = alike.length > maxNamed ? ' …' : ''
  return [
    finding('former names', lost === 0, {
      ok: 'are recognized by the MAC key',
      warn: `${lost} digests of them were made with another MAC key: these names can be registered again`,
    }),
    finding('names', alike.length === 0, {
      ok: 'do not look like one another',
      warn: `${alike.length} look like names that were taken earlier: ${named}${ellipsis}`,
    }),
  ]
}
