import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loadConfig } from '../../src/config/index.js'
import { runCommand } from '../helpers/command.js'
import { containerOf, podsOf, resources, type Variable } from './manifests.js'

// What the pods in the manifests pass to the service is read by the service's own configuration.

/** Time between the end of the drain and that of the process (seconds); see src/service.ts. */
const closeSeconds = 10
const folder = '/run/secrets/latchkey'
const url = 'postgresql://latchkey:3c4b1f@db.example.com/latchkey'
const secrets: Record<string, string> = {
  DATABASE_URL: url,
  DATABASE_REPLICA_URL: url,
  KEY_ENCRYPTION_SECRET: 'Vt3nQ0c8zB5mXk2yH7pL1wRd9sGfJ6uA',
  JWT_SECRET: 'Vt3nQ0c8zB5mXk2yH7pL1wRd9sGfJ6uA',
  'smtp-url': 'smtp://mail.example.com',
}

/** Returns the environment of a container of our image, whose files with secrets are in a folder of the test. */
function environmentOf(t: Test, variables: Variable[]): NodeJS.ProcessEnv {
  const secretFiles = t.testdir(secrets)
  const entries = variables.map(({ name, value, valueFrom }) => {
    if (valueFrom) return [name, secrets[name]]
    return [name, value?.replace(/^(\/run\/secrets\/latchkey|\/mnt\/secrets)(?=\/)/, secretFiles)]
  })
  return { NODE_ENV: 'production', HOST: '0.0.0.0', UV_THREADPOOL_SIZE: '16', ...Object.fromEntries(entries) }
}

for (const [path, all] of resources)
  t.test(path, async (t) => {
    for (const pod of podsOf(all, 'Deployment')) {
      const { env, lifecycle } = containerOf(pod)
      const config = loadConfig(environmentOf(t, env))

      t.test('has settings with which the service starts', async (t) => {
        t.equal(config.production, true)
        t.match(config.issuer, /^https:\/\/latchkey\.example\.com/)
        t.equal(config.databaseUrl, url)
        t.match(config, { host: /^(0\.0\.0\.0|::)$/, port: 8000 })
        t.equal(new Set(env.map(({ name }) => name)).size, env.length, 'none is set twice')
      })

      t.test('lets a pod drain and close before it is killed', async (t) => {
        const preStop = lifecycle?.preStop.sleep.seconds ?? 0
        t.ok(preStop + config.drainSeconds + closeSeconds < (pod.spec.terminationGracePeriodSeconds ?? 0))
      })
    }

    t.test('has a migration with the same settings', async (t) => {
      const [deployment] = podsOf(all, 'Deployment')
      for (const job of podsOf(all, 'Job')) {
        t.same(containerOf(job).command, ['latchkey', 'migrate'])
        t.doesNotThrow(() => loadConfig(environmentOf(t, containerOf(job).env)))
        if (deployment) t.same(containerOf(job).env, containerOf(deployment).env)
        t.equal(job.spec.restartPolicy, 'Never')
      }
    })
  })

t.test('the migration runs a command that there is', async (t) => {
  const [job] = podsOf(resources.get('deploy/kubernetes/migration.yaml') ?? [], 'Job')
  const [program, ...args] = (job && containerOf(job).command) ?? []
  t.equal(program, 'latchkey', 'which is on the path of the image')
  t.match(await runCommand('', [...args, '--help']), { status: 0, stdout: /^Usage: latchkey migrate/ })
})

t.test('values reach the service in its own notation', async (t) => {
  const [pod] = podsOf(resources.get('test/deploy/rendered/complete.yaml') ?? [], 'Deployment')
  t.match(pod && loadConfig(environmentOf(t, containerOf(pod).env)), {
    allowedGrants: ['refresh_token', 'client_credentials'],
    bcryptCost: 13,
    documentation: false,
    drainSeconds: 15,
    maxConnections: 1_000_000,
    trustProxy: ['10.0.0.0/8', 'fd00::/8'],
    smtpUrl: 'smtp://mail.example.com',
    databaseReplicaUrl: url,
  })
})

t.test('secrets are files of the folder that the pods mount', async (t) => {
  const [pod] = podsOf(resources.get('deploy/kubernetes/latchkey.yaml') ?? [], 'Deployment')
  const files = pod ? containerOf(pod).env.filter(({ name }) => name.endsWith('_FILE')) : []
  t.same(
    files.map(({ value }) => value),
    [join(folder, 'DATABASE_URL'), join(folder, 'KEY_ENCRYPTION_SECRET')],
  )
})
