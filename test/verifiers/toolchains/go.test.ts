import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { runIn } from '../../clients/generated-client.js'
import { skip } from '../../clients/toolchains/go.js'
import { checkVerdicts, prepareCourt } from '../judge.js'
import { recipeOf } from '../recipes.js'

/** Folders of the recipes' packages, by their headings. */
const folders = { 'go-oidc': 'oidc', jwx: 'jwx' }

t.test('verifiers in Go', { skip }, async (t) => {
  const court = await prepareCourt(t, 'test/verifiers/toolchains/go')
  for (const [heading, folder] of Object.entries(folders)) {
    await mkdir(join(court.folder, folder))
    await writeFile(join(court.folder, folder, 'verify.go'), recipeOf(heading))
  }
  await t.resolves(runIn(court, 'go', ['vet', './...']), 'compile')
  for (const heading of Object.keys(folders)) {
    const stdout = await runIn(court, 'go', ['run', '.', heading, court.table])
    checkVerdicts(t, court, JSON.parse(stdout) as (string | null)[])
  }
})
