import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { buildImage, docker, withoutDocker } from './docker.js'

/** Makes another checkout of the working tree, whose files have other permissions and the time of its making. */
function checkOut(t: Test): string {
  const folder = t.testdir()
  const files = 'git ls-files -z --cached --others --exclude-standard --deduplicate'
  const copy = `${files} | tar --create --null --files-from - | (umask 077 && tar --extract --touch --no-same-permissions --directory "$0")`
  const { status, stderr } = spawnSync('bash', ['-o', 'pipefail', '-c', copy, folder], { encoding: 'utf8' })
  t.equal(status, 0, stderr)
  return join(folder)
}

t.test(
  'two builds, from checkouts with other permissions and times, make one layer',
  { skip: withoutDocker() },
  async (t) => {
    const layersOf = async (...build: string[]) =>
      docker(['image', 'inspect', '--format', '{{json .RootFS.Layers}}', await buildImage(t, ...build)])
    const layers = await layersOf('.')
    t.equal(await layersOf(checkOut(t), '--no-cache'), layers)
  },
)
