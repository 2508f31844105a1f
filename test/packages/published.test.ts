import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t from 'tap'
import { listFiles } from '#scripts/lib/files.js'
import { workspaces } from '#scripts/lib/workspaces.js'
import { createProject, runInProject } from '../helpers/project.js'
import { without } from '../helpers/without.js'

// What `npm publish` uploads.

interface Manifest {
  name: string
  version: string
  license: string
  engines: { node: string }
  private?: boolean
  dependencies?: Record<string, string>
}

const readManifest = (folder: string) =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest

const project = await createProject(t, 'test/packages/project')
const service = readManifest('.')

for (const workspace of workspaces) {
  const { name, ...manifest } = readManifest(workspace)
  const installed = join(project.folder, 'node_modules', name)

  t.test(`${name} contains its compiled sources with their types, and little else`, async (t) => {
    const sources = listFiles(join(workspace, 'src')).map((file) => `dist/${file.replace(/\.ts$/, '')}`)
    t.same(
      listFiles(installed).sort(),
      [
        ...sources.flatMap((file) => [`${file}.d.ts`, `${file}.js`]),
        'LICENSE',
        'README.md',
        'package.json',
      ].sort(),
    )
  })

  t.test(`${name} has the version, the licence and the platform of the service`, async (t) => {
    t.equal(manifest.version, service.version)
    t.equal(manifest.license, service.license)
    t.same(manifest.engines, service.engines)
    t.notOk(manifest.private)
    for (const name of Object.keys(manifest.dependencies ?? {})) t.equal(name, 'jose')
    t.equal(readFileSync(join(workspace, 'LICENSE'), 'utf8'), readFileSync('LICENSE', 'utf8'))
  })

  t.test(`publint finds nothing in ${name}`, { skip: without('publint') }, async (t) => {
    t.match(await runInProject(project, 'publint', ['--strict', installed]), 'All good!')
  })
}

for (const archive of project.archives)
  t.test(`arethetypeswrong finds nothing in ${basename(archive)}`, { skip: without('attw') }, async (t) => {
    await t.resolves(runInProject(project, 'attw', ['--profile', 'esm-only', archive]))
  })
