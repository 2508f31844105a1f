import { spawnSync } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { prepareJourney, runIn } from '../generated-client.js'

// Go 1.21 and later fetch the version that go.mod names.
const { stdout } = spawnSync('go', ['version'], { encoding: 'utf8' })
const [, minor] = /go1\.(\d+)/.exec(stdout) ?? []
const skip = Number(minor ?? 0) < 21 && 'Go 1.21 or later is not installed'

t.test('the client of oapi-codegen, in Go', { skip }, async (t) => {
  const journey = await prepareJourney(t, 'test/clients/toolchains/go')
  await mkdir(join(journey.folder, 'latchkey'))
  await runIn(journey, 'go', ['tool', 'oapi-codegen', '-config', 'oapi-codegen.yaml', 'openapi.json'])
  await t.resolves(runIn(journey, 'go', ['vet', './...']), 'compiles')
  await t.resolves(runIn(journey, 'go', ['run', '.', ...journey.args]), 'makes the journey')
})
