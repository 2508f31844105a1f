import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import t from 'tap'
import { runIn } from '../../clients/generated-client.js'
import { checkVerdicts, prepareCourt } from '../judge.js'
import { recipeOf } from '../recipes.js'

const { stdout } = spawnSync('cargo', ['--version'], { encoding: 'utf8' })
const [, minor] = /cargo 1\.(\d+)/.exec(stdout) ?? []
const skip = Number(minor ?? 0) < 88 && 'Rust 1.88 or later is not installed'

t.test('a verifier in Rust', { skip }, async (t) => {
  const court = await prepareCourt(t, 'test/verifiers/toolchains/rust')
  await writeFile(join(court.folder, 'src/recipe.rs'), recipeOf('Rust'))
  const target = resolve('node_modules/.cache/latchkey/cargo')
  const run = ['run', '--quiet', '--locked', '--target-dir', target, '--', court.table]
  const printed = await runIn(court, 'cargo', run)
  checkVerdicts(t, court, JSON.parse(printed) as (string | null)[])
})
