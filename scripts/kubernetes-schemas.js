import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { toResourceSchema, toSchemas } from './lib/kubernetes-schemas.js'

// Writes the schemas of the resources in the Helm chart, with which the tests check it: node scripts/kubernetes-schemas.js
// Requires Go, which downloads the modules that publish the schemas. All three are under the Apache License 2.0.

const folder = 'test/deploy/schemas'
const kubernetes = 'k8s.io/kubernetes@v1.34.4'
/** Definitions of Kubernetes itself, by the file that kubeconform looks for. */
const resources = {
  'deployment-apps-v1.json': 'io.k8s.api.apps.v1.Deployment',
  'horizontalpodautoscaler-autoscaling-v2.json': 'io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler',
  'ingress-networking-v1.json': 'io.k8s.api.networking.v1.Ingress',
  'job-batch-v1.json': 'io.k8s.api.batch.v1.Job',
  'networkpolicy-networking-v1.json': 'io.k8s.api.networking.v1.NetworkPolicy',
  'poddisruptionbudget-policy-v1.json': 'io.k8s.api.policy.v1.PodDisruptionBudget',
  'service-v1.json': 'io.k8s.api.core.v1.Service',
}
const gateways = 'sigs.k8s.io/gateway-api@v1.4.1'
const operator = 'github.com/prometheus-operator/prometheus-operator@v0.85.0'
/** Modules and paths of the definitions of extensions, by the file that kubeconform looks for. */
const extensions = {
  'httproute-gateway-v1.json': [gateways, 'config/crd/standard/gateway.networking.k8s.io_httproutes.yaml'],
  'prometheusrule-monitoring-v1.json': [
    operator,
    'example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml',
  ],
  'servicemonitor-monitoring-v1.json': [
    operator,
    'example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml',
  ],
}

const swagger = JSON.parse(readFromModule(kubernetes, 'api/openapi-spec/swagger.json'))
const files = toSchemas(swagger.definitions, resources)
for (const [file, [module = '', path = '']] of Object.entries(extensions))
  files[file] = `${JSON.stringify(toResourceSchema(parse(readFromModule(module, path)), 'v1'))}\n`
for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text)

/**
 * @param {string} module with its version
 * @param {string} path
 */
function readFromModule(module, path) {
  const printed = execFileSync('go', ['mod', 'download', '-json', module], { cwd: '/', encoding: 'utf8' })
  return readFileSync(join(JSON.parse(printed).Dir, path), 'utf8')
}
