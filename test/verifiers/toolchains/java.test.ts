import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { runIn } from '../../clients/generated-client.js'
import { skip } from '../../clients/toolchains/maven.js'
import { checkVerdicts, prepareCourt } from '../judge.js'
import { recipeOf } from '../recipes.js'

/** Headings and classes of the recipes, by their names. */
const recipes = {
  nimbus: ['Nimbus JOSE + JWT', 'NimbusVerifier'],
  spring: ['Spring Security', 'LatchkeyDecoder'],
} as const

t.test('verifiers in Java', { skip }, async (t) => {
  const court = await prepareCourt(t, 'test/verifiers/toolchains/java')
  for (const [heading, name] of Object.values(recipes))
    await writeFile(join(court.folder, 'src/main/java', `${name}.java`), recipeOf(heading))
  const maven = ['--quiet', '--batch-mode']
  await t.resolves(runIn(court, 'mvn', [...maven, 'compile']), 'compile')
  for (const recipe of Object.keys(recipes)) {
    const stdout = await runIn(court, 'mvn', [...maven, 'exec:java', `-Dexec.args=${recipe} ${court.table}`])
    // Maven prints colours around it.
    checkVerdicts(t, court, JSON.parse(/\[".*\]/.exec(stdout)?.[0] ?? '[]') as (string | null)[])
  }
})
