import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import t from 'tap'
import { version } from '../../src/manifest.js'
import { startApp } from '../helpers/app.js'
import { containerOf, type Pod, podsOf, type Resource, resources } from './manifests.js'

// The rules of the Pod Security Standard "restricted", and our own. What Helm makes of other values is in helm.test.ts.

const schemaFolder = 'test/deploy/schemas'
const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false })
for (const file of readdirSync(schemaFolder).filter((name) => name.endsWith('.json')))
  ajv.addSchema(JSON.parse(readFileSync(join(schemaFolder, file), 'utf8')), file)

/** Returns the file with the schema of a resource, which kubeconform looks for too. */
function schemaOf({ apiVersion, kind }: Resource): string {
  const [, group = '', version] = /^(?:([^./]+)[^/]*\/)?(.+)$/.exec(apiVersion) ?? []
  return `${[kind, group, version].filter(Boolean).join('-').toLowerCase()}.json`
}

/** Annotation that says when Helm creates a resource, if not with the others. */
const hook = 'helm.sh/hook'

interface Selector {
  matchLabels: Record<string, string>
}

/** Returns the place of a resource among the hooks. */
function weightOf({ annotations }: Resource['metadata']): number {
  return Number(annotations?.['helm.sh/hook-weight'] ?? 0)
}

for (const [path, all] of resources)
  t.test(path, async (t) => {
    const deployments = podsOf(all, 'Deployment')
    const jobs = podsOf(all, 'Job')

    t.test('has resources that Kubernetes accepts, with no member that it would ignore', async (t) => {
      t.ok(all.length > 0)
      for (const resource of all) {
        const name = `${resource.kind} ${resource.metadata.name}`
        t.ok(ajv.validate(schemaOf(resource), resource), `${name}: ${ajv.errorsText()}`)
      }
    })

    t.test('names this version', async (t) => {
      for (const { metadata } of all) t.equal(metadata.labels['app.kubernetes.io/version'], version)
    })

    t.test('runs no pod with a right that it does not need', async (t) => {
      for (const pod of [...deployments, ...jobs]) {
        t.match(pod.spec, {
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
        })
        t.strictSame(containerOf(pod).securityContext, {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        })
        for (const name of ['hostNetwork', 'hostPID', 'hostIPC']) t.notOk(name in pod.spec, name)
      }
    })

    t.test('mounts volumes, and no folder of the node', async (t) => {
      for (const { spec } of [...deployments, ...jobs])
        for (const volume of (spec.volumes ?? []) as object[])
          t.match(Object.keys(volume).join(), /^(name,projected|configMap,name|csi,name)$/)
    })

    t.test('limits what a pod takes, and names its image exactly', async (t) => {
      for (const pod of [...deployments, ...jobs]) {
        const { resources, image } = containerOf(pod)
        for (const amounts of [resources.requests, resources.limits])
          t.same(Object.keys(amounts).sort(), ['cpu', 'ephemeral-storage', 'memory'])
        t.match(image, /:\d+\.\d+\.\d+(-[\w.]+)?(@sha256:[0-9a-f]{64})?$/)
      }
    })

    t.test('asks a pod whether it lives and is ready, at a port that it has', async (t) => {
      for (const pod of deployments) {
        const { ports, startupProbe, livenessProbe, readinessProbe } = containerOf(pod)
        const http = ports?.find(({ name }) => name === 'http')
        t.equal(http?.containerPort, 8000)
        for (const probe of [startupProbe, livenessProbe])
          t.same(probe?.httpGet, { path: '/livez', port: 'http' })
        t.same(readinessProbe?.httpGet, { path: '/readyz', port: 'http' })
        t.ok(
          (readinessProbe?.timeoutSeconds ?? 0) > 5,
          'the service waits 5 s for a connection to the database',
        )
      }
    })

    t.test('has a Service, a policy and a budget for its pods only', async (t) => {
      const [deployment] = deployments
      const created = all.filter(({ metadata }) => !metadata.annotations?.[hook])
      const selectors: Record<string, (spec: Resource['spec']) => unknown> = {
        NetworkPolicy: ({ podSelector }) => (podSelector as Selector).matchLabels,
        Deployment: ({ selector }) => (selector as Selector).matchLabels,
        PodDisruptionBudget: ({ selector }) => (selector as Selector).matchLabels,
        Service: ({ selector }) => selector,
      }
      for (const { kind, metadata, spec } of created) {
        const selector = selectors[kind]?.(spec) as object | undefined
        if (!selector) continue
        t.match(deployment?.metadata.labels, selector, `${kind} ${metadata.name}`)
        for (const job of jobs) t.notMatch(job.metadata.labels, selector, `${kind} ${metadata.name}`)
      }
    })

    t.test('lets the migration connect to what the service may, before it runs', async (t) => {
      const policies = all.filter(({ kind }) => kind === 'NetworkPolicy')
      const migrations = all.filter(({ kind }) => kind === 'Job')
      for (const { metadata, spec } of policies.length > 0 ? migrations : []) {
        const policy = policies.find(({ metadata: { name } }) => name === metadata.name) as Resource
        const { matchLabels } = policy.spec.podSelector as Selector
        t.match((spec.template as Pod).metadata.labels, matchLabels)
        t.equal(policy.metadata.annotations?.[hook], metadata.annotations?.[hook])
        t.ok(weightOf(policy.metadata) < weightOf(metadata))
        for (const other of policies) t.same(policy.spec.egress, other.spec.egress)
      }
    })
  })

t.test('the probes ask for paths that the service has', async (t) => {
  const app = await startApp(t)
  for (const path of ['/livez', '/readyz']) t.equal((await app.inject(path)).statusCode, 200, path)
})

t.test('each kind of resource is in one of the manifests', async (t) => {
  const kinds = new Set([...resources.values()].flat().map(({ kind }) => kind))
  t.same([...kinds].sort(), [
    'Deployment',
    'HTTPRoute',
    'HorizontalPodAutoscaler',
    'Ingress',
    'Job',
    'NetworkPolicy',
    'PodDisruptionBudget',
    'PrometheusRule',
    'Service',
    'ServiceMonitor',
  ])
})

t.test('an unknown member would be found', async (t) => {
  const [deployment] = (resources.get('deploy/kubernetes/latchkey.yaml') ?? []).filter(
    ({ kind }) => kind === 'Deployment',
  )
  const misspelt = { ...deployment, spec: { ...deployment?.spec, replica: 2 } }
  t.notOk(ajv.validate('deployment-apps-v1.json', misspelt))
  t.match(ajv.errorsText(), 'data/spec must NOT have additional properties')
})
