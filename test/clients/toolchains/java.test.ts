import t from 'tap'
import { prepareJourney, runIn } from '../generated-client.js'
import { skip } from './maven.js'

t.test('the client of openapi-generator, in Java', { skip }, async (t) => {
  const journey = await prepareJourney(t, 'test/clients/toolchains/java')
  const maven = ['--quiet', '--batch-mode']
  await t.resolves(runIn(journey, 'mvn', [...maven, 'compile']), 'compiles')
  const args = `-Dexec.args=${journey.args.map((arg) => `'${arg}'`).join(' ')}`
  await t.resolves(runIn(journey, 'mvn', [...maven, 'exec:java', args]), 'makes the journey')
})
