import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { prepareJourney, runIn } from '../generated-client.js'
import { skip } from './go.js'

t.test('the client of oapi-codegen, in Go', { skip }, async (t) => {
  const journey = await prepareJourney(t, 'test/clients/toolchains/go')
  await mkdir(join(journey.folder, 'latchkey'))
  await runIn(journey, 'go', ['tool', 'oapi-codegen', '-config', 'oapi-codegen.yaml', 'openapi.json'])
  await t.resolves(runIn(journey, 'go', ['vet', './...']), 'compiles')
  await t.resolves(runIn(journey, 'go', ['run', '.', ...journey.args]), 'makes the journey')
})
