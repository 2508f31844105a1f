import t from 'tap'
import { prepareJourney, runIn } from '../generated-client.js'
import { createVirtualEnvironment, skip } from './virtual-environment.js'

t.test('the client of openapi-python-client', { skip }, async (t) => {
  const journey = await prepareJourney(t, 'test/clients/toolchains/python')
  const bin = await createVirtualEnvironment(journey)
  const generate = [
    'generate',
    '--path',
    'openapi.json',
    '--config',
    'openapi-python-client.yaml',
    '--meta',
    'none',
    '--output-path',
    'latchkey_client',
  ]
  await runIn(journey, 'openapi-python-client', generate, bin)
  await t.resolves(
    runIn(journey, 'mypy', ['--strict', '--follow-imports=silent', 'journey.py'], bin),
    'passes the type check',
  )
  await t.resolves(runIn(journey, 'python', ['journey.py', ...journey.args], bin), 'makes the journey')
})
