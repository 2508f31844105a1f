import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { runIn } from '../../clients/generated-client.js'
import { createVirtualEnvironment, skip } from '../../clients/toolchains/virtual-environment.js'
import { checkVerdicts, prepareCourt } from '../judge.js'
import { recipeOf } from '../recipes.js'
import { createStatuses, revokeOne } from '../status-lists.js'

/** Recipes by their headings, and the error of each that refuses a token. */
const refusals = {
  PyJWT: 'jwt.PyJWTError',
  Authlib: 'authlib.oauth2.rfc6750.errors.InvalidTokenError',
}

t.test('in Python', { skip }, async (t) => {
  const court = await prepareCourt(t, 'test/verifiers/toolchains/python')
  const bin = await createVirtualEnvironment(court)
  for (const [heading, refusal] of Object.entries(refusals))
    t.test(`${heading} accepts the good tokens and refuses the bad ones`, async (t) => {
      const recipe = `recipe_${heading.toLowerCase()}`
      await writeFile(join(court.folder, `${recipe}.py`), recipeOf(heading))
      const printed = await runIn(court, 'python', ['judge.py', recipe, refusal, court.table], bin)
      checkVerdicts(t, court, JSON.parse(printed) as (string | null)[])
    })

  t.test('status lists show what is revoked, and bad ones are refused', async (t) => {
    const statuses = [...(await revokeOne(court.issuer)), ...createStatuses(court.issuer)]
    const table = { issuer: court.issuer.origin, entries: statuses.map(({ entry }) => entry) }
    await writeFile(join(court.folder, 'statuses.json'), JSON.stringify(table))
    await writeFile(join(court.folder, 'recipe_statuses.py'), recipeOf('See revocations', 'python'))
    const printed = await runIn(court, 'python', ['judge_statuses.py', 'statuses.json'], bin)
    const verdicts = JSON.parse(printed) as (boolean | null)[]
    for (const [index, { name, isRevoked }] of statuses.entries()) t.equal(verdicts[index], isRevoked, name)
  })
})
