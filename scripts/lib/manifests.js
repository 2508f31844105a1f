import { readdirSync } from 'node:fs'
import { parse } from 'node:path'

const chart = 'deploy/helm/latchkey'
/** Version for which the manifests are made. A `helm` that is built by `go install` would take an old one. */
export const kubernetesVersion = '1.34'
/** Names of value files in test/deploy/values, each of which makes one manifest for the tests. */
const cases = readdirSync('test/deploy/values').map((file) => parse(file).name)

/**
 * The manifests that are made from the Helm chart: their path, the values, and the arguments of `helm`.
 *
 * @type {{ path: string, values: string, args: string[] }[]}
 */
export const manifests = [
  manifest('deploy/kubernetes/latchkey.yaml', 'deploy/kubernetes/values.yaml', ['--no-hooks']),
  manifest('deploy/kubernetes/migration.yaml', 'deploy/kubernetes/values.yaml', [
    ...['--show-only', 'templates/migration-network-policy.yaml'],
    ...['--show-only', 'templates/migration.yaml'],
  ]),
  ...cases.map((name) => manifest(`test/deploy/rendered/${name}.yaml`, `test/deploy/values/${name}.yaml`)),
]

/**
 * @param {string} path
 * @param {string} values
 * @param {string[]} [options]
 */
function manifest(path, values, options = []) {
  const args = ['template', 'latchkey', chart, '--kube-version', kubernetesVersion, '--values', values]
  return { path, values, args: [...args, ...options] }
}
