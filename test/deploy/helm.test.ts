import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { kubernetesVersion, manifests } from '#scripts/lib/manifests.js'
import { without } from '../helpers/without.js'

// What the programs for Kubernetes say of the chart and of the manifests that are made from it.

const chart = 'deploy/helm/latchkey'
const paths = manifests.map(({ path }) => path)
const settings = ['--set', 'config.ISSUER=https://latchkey.example.com']

function run(program: string, ...args: string[]) {
  return spawnSync(program, args, { encoding: 'utf8' })
}

t.test('Helm', { skip: without('helm', 'version') }, async (t) => {
  const template = (...args: string[]) =>
    run('helm', 'template', 'latchkey', chart, '--kube-version', kubernetesVersion, ...args)

  t.test('makes the manifests, byte by byte: npm run deploy:manifests', async (t) => {
    for (const { path, args } of manifests) {
      const { status, stdout, stderr } = run('helm', ...args)
      t.equal(status, 0, stderr)
      t.equal(stdout, readFileSync(path, 'utf8'), path)
    }
  })

  t.test('finds nothing to warn of in the chart', async (t) => {
    for (const values of new Set(manifests.map(({ values }) => values))) {
      const { status, stdout } = run(
        'helm',
        ...['lint', '--strict', chart, '--kube-version', kubernetesVersion, '--values', values],
      )
      t.equal(status, 0, stdout)
      t.match(stdout, '1 chart(s) linted, 0 chart(s) failed', values)
    }
  })

  t.test('refuses wrong values, and says which', async (t) => {
    for (const [args, problem] of [
      [[], "at '/config': missing property 'ISSUER'"],
      [
        [...settings, '--set', 'config.JWT_SECRET=x'],
        "at '/config': additional properties 'JWT_SECRET' not allowed",
      ],
      [[...settings, '--set', 'replica=3'], "additional properties 'replica' not allowed"],
      [[...settings, '--set', 'image.tag=latest'], "at '/image/tag': 'not' failed"],
      [[...settings, '--set', 'gateway.enabled=true'], "at '/gateway/parentRefs': minItems: got 0, want 1"],
    ] as const)
      t.match(template(...args), { status: 1, stderr: problem })
  })

  t.test('refuses a cluster that lacks what the chart uses', async (t) => {
    t.match(template(...settings, '--kube-version', '1.29'), {
      status: 1,
      stderr: 'chart requires kubeVersion',
    })
  })

  t.test('names the resources after the release', async (t) => {
    const names = (release: string) =>
      new Set(
        run(
          'helm',
          ...['template', release, chart, '--kube-version', kubernetesVersion, ...settings],
        ).stdout.match(/(?<=^metadata:\n {2}name: ).*$/gm),
      )
    t.same([...names('prod')], ['prod-latchkey', 'prod-latchkey-migration'])
    t.same([...names('my-latchkey')], ['my-latchkey', 'my-latchkey-migration'])
    for (const name of names('x'.repeat(53))) t.ok(name.length <= 63, name)
  })

  t.test('quotes names that YAML would read as numbers', async (t) => {
    const paths = [
      'fullnameOverride',
      'image.pullSecrets[0]',
      'ingress.className',
      'ingress.tlsSecretName',
      'priorityClassName',
      'secrets.DATABASE_URL.key',
      'secrets.DATABASE_URL.name',
      'serviceAccountName',
    ]
    const { stdout } = run(
      'helm',
      ...['template', '1234', chart, '--kube-version', kubernetesVersion, ...settings],
      ...['ingress', 'gateway', 'autoscaling'].flatMap((part) => ['--set', `${part}.enabled=true`]),
      ...['--set', 'gateway.parentRefs[0].name=gateway'],
      ...paths.flatMap((path) => ['--set-string', `${path}=1234`]),
    )
    t.match(stdout, 'name: "1234"')
    t.notMatch(stdout, /: 1234$/m)
  })
})

t.test('kubeconform accepts the manifests', { skip: without('kubeconform', '-v') }, async (t) => {
  const location = 'test/deploy/schemas/{{.ResourceKind}}{{.KindSuffix}}.json'
  const { status, stdout } = run('kubeconform', '-strict', '-summary', '-schema-location', location, ...paths)
  t.equal(status, 0, stdout)
  t.match(stdout, 'Invalid: 0, Errors: 0, Skipped: 0')
})

t.test('kube-score finds nothing in the manifests', { skip: without('kube-score', 'version') }, async (t) => {
  const ignored = [
    // Tags of versions are not moved.
    'container-image-pull-policy',
    // Pods are spread by topologySpreadConstraints.
    'deployment-has-host-podantiaffinity',
  ]
  const { status, stdout } = run(
    'kube-score',
    'score',
    ...ignored.flatMap((test) => ['--ignore-test', test]),
    ...['--exit-one-on-warning', '--output-format', 'ci'],
    ...[
      'deploy/kubernetes/latchkey.yaml',
      'deploy/kubernetes/migration.yaml',
      'test/deploy/rendered/complete.yaml',
    ],
  )
  t.equal(status, 0, stdout)
})
