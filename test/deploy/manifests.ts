import { readFileSync } from 'node:fs'
import { parseAllDocuments } from 'yaml'
import { manifests } from '#scripts/lib/manifests.js'

/** A resource of Kubernetes. */
export interface Resource {
  apiVersion: string
  kind: string
  metadata: { name: string; labels: Record<string, string>; annotations?: Record<string, string> }
  spec: Record<string, unknown>
}

interface Probe {
  httpGet: { path: string; port: string }
  timeoutSeconds?: number
}

/** A variable of a container: with a value, or one that a Secret has. */
export interface Variable {
  name: string
  value?: string
  valueFrom?: { secretKeyRef: { name: string; key: string } }
}

export interface Container {
  image: string
  command?: string[]
  env: Variable[]
  ports?: { name: string; containerPort: number }[]
  resources: Record<'requests' | 'limits', Record<string, string>>
  securityContext: object
  startupProbe?: Probe
  livenessProbe?: Probe
  readinessProbe?: Probe
  lifecycle?: { preStop: { sleep: { seconds: number } } }
}

export interface Pod {
  metadata: { labels: Record<string, string> }
  spec: {
    containers: Container[]
    securityContext: object
    automountServiceAccountToken: boolean
    terminationGracePeriodSeconds?: number
    restartPolicy?: string
  } & Record<string, unknown>
}

/** Returns the resources of a manifest. */
function readManifest(path: string): Resource[] {
  return parseAllDocuments(readFileSync(path, 'utf8')).map((document) => document.toJS() as Resource)
}

/** The resources of each manifest that is made from the Helm chart, by its path. */
export const resources = new Map(manifests.map(({ path }) => [path, readManifest(path)]))

/** Returns the pods that the resources of a kind create. */
export function podsOf(all: Resource[], kind: 'Deployment' | 'Job'): Pod[] {
  return all.filter((resource) => resource.kind === kind).map(({ spec }) => spec.template as Pod)
}

/** Returns the only container of a pod. */
export function containerOf({ spec: { containers } }: Pod): Container {
  const [container, another] = containers
  if (!container || another) throw new Error('a pod must have one container')
  return container
}
