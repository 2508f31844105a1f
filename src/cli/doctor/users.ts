import { findMacKey } from '../../auth/keys/mac-key-store.js'
import { bcryptWork } from '../../passwords/schemes/bcrypt.js'
import type { Work } from '../../passwords/schemes/scheme.js'
import { findStoredWork, findUnaffordable } from '../../passwords/stored-work.js'
import { sealingKeysOf } from '../../sealing/sealing-keys.js'
import { reportClaims } from '../../users/names/taken-names.js'
import { describePublished, findPublishedPasswords } from '../../users/published-passwords.js'
import { type CheckContext, type Finding, finding } from './finding.js'

/** Maximum number of names in one explanation. */
const maxNamed = 20

/** Checks for published passwords, costly hashes and an administrator. */
export async function checkUsers({ config, database }: CheckContext): Promise<Finding[]> {
  const published = await findPublishedPasswords(database)
  const { shared, excess } = await findStoredWork(config.bcryptCost, database)
  const costly = findCostlyWork(shared, config.bcryptCost)
  const unaffordable = await findUnaffordable(maxNamed, database)
  const administrators = await database.user.count({
    where: { disabled: false, scopes: { has: 'users:admin' } },
  })
  return [
    ...published.map(
      (name): Finding => ({
        state: config.production ? 'fail' : 'warn',
        check: name,
        explanation: describePublished(name),
      }),
    ),
    finding('passwords', costly.length === 0, {
      ok: 'no hash costs more than BCRYPT_COST',
      warn: `some hashes are ${costly.join(', ')}: until their users log in, every login does this work too`,
    }),
    finding('login time', excess.length === 0, {
      ok: 'does not tell imported hashes apart',
      warn: `all imported hashes together would take too long: until their users log in, the time of a login reveals who has a hash of ${excess.map(({ kind }) => kind).join(', ')}`,
    }),
    finding('password costs', unaffordable.length === 0, {
      ok: 'every hash can be verified',
      warn: `hashes cost too much to verify, so that these users cannot log in: ${unaffordable.join(' ')}`,
    }),
    finding('administrators', administrators > 0, {
      ok: `${administrators} enabled`,
      warn: 'none is enabled: run latchkey users set-scopes NAME --add users:admin',
    }),
  ]
}

/** Returns what makes every login cost more than BCRYPT_COST, in words. */
function findCostlyWork(work: Work[], cost: number): string[] {
  const newHash = bcryptWork(cost)
  return work.flatMap(({ kind, units }) => {
    if (kind !== newHash.kind) return `imported (${kind})`
    return units > newHash.units ? `of a higher cost (${units / newHash.units} times)` : []
  })
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
