import { symlink } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import t from 'tap'
import { type Journey, prepareJourney, runIn } from './generated-client.js'

function runNode(journey: Journey, file: string, args: string[] = []): Promise<string> {
  return runIn(journey, process.execPath, [join('node_modules', file), ...args])
}

t.test('the clients of openapi-typescript and of @hey-api/openapi-ts', async (t) => {
  const journey = await prepareJourney(t, 'test/clients/typescript')
  await symlink(resolve('node_modules'), join(journey.folder, 'node_modules'))
  await Promise.all([
    runNode(journey, '.bin/openapi-typescript', ['openapi.json', '--output', 'openapi-fetch/schema.ts']),
    runNode(journey, '.bin/openapi-ts', [
      '--silent',
      '--input',
      'openapi.json',
      '--output',
      'hey-api/client',
    ]),
  ])
  await t.resolves(
    runNode(journey, '@typescript/native/bin/tsc'),
    'pass the strict type check with the programs that use them',
  )
  for (const client of ['openapi-fetch', 'hey-api']) {
    const program = runIn(journey, process.execPath, [`compiled/${client}/journey.js`, ...journey.args])
    await t.resolves(program, `${client} makes the journey`)
  }
})
