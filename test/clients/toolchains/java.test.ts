import { spawnSync } from 'node:child_process'
import t from 'tap'
import { prepareJourney, runIn } from '../generated-client.js'

const isMissing = spawnSync('mvn', ['--version']).status !== 0
const skip = isMissing && 'Maven is not installed, which needs Java 17 or later'

t.test('the client of openapi-generator, in Java', { skip }, async (t) => {
  const journey = await prepareJourney(t, 'test/clients/toolchains/java')
  const maven = ['--quiet', '--batch-mode']
  await t.resolves(runIn(journey, 'mvn', [...maven, 'compile']), 'compiles')
  const args = `-Dexec.args=${journey.args.map((arg) => `'${arg}'`).join(' ')}`
  await t.resolves(runIn(journey, 'mvn', [...maven, 'exec:java', args]), 'makes the journey')
})
