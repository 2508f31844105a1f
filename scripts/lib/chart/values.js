import { group, name, object, objects, optionalName, port, texts } from './kinds.js'
import { toConfigSchema, toSecretsSchema } from './settings.js'
import { trafficValues } from './traffic-values.js'

/**
 * @typedef {import('./kinds.js').Value} Value
 * @typedef {import('./settings.js').Settings} Settings
 */

/**
 * Returns the values of the Helm chart in the order of its documents.
 *
 * @param {Settings} settings
 * @returns {Record<string, Value>}
 */
export function declareValues(settings) {
  return {
    image: group('The image.', {
      repository: {
        type: 'string',
        pattern: '^[^:@\\s]+(:[0-9]+/[^:@\\s]+)?$',
        description: 'Registry and name of the image.',
        default: 'latchkey',
      },
      tag: {
        type: 'string',
        pattern: '^[\\w.-]{0,128}$',
        not: { const: 'latest' },
        description: 'Tag of the image; the version of the chart if it is empty. `latest` is refused.',
        default: '',
      },
      digest: {
        type: 'string',
        pattern: '^(sha256:[0-9a-f]{64})?$',
        description: 'Digest of the image, which pins it, such as `sha256:…`.',
        default: '',
      },
      pullPolicy: {
        enum: ['IfNotPresent', 'Always', 'Never'],
        description: 'When a node pulls the image.',
        default: 'IfNotPresent',
      },
      pullSecrets: {
        type: 'array',
        items: name,
        description: 'Names of the Secrets with the credentials for the registry.',
        default: [],
      },
    }),
    config: toConfigSchema(settings),
    secrets: toSecretsSchema(settings),
    secretsAs: {
      enum: ['files', 'environment'],
      description:
        'How the pods get the secrets: as files in memory, or as environment variables. Either way they are read at the start: restart the Deployment after a change.',
      default: 'files',
    },
    migration: group('The Job that migrates the database before pods are replaced.', {
      enabled: {
        type: 'boolean',
        description:
          'Whether to create the Job. Without it, the first new pod migrates the database, within `startupSeconds`.',
        default: true,
      },
      deadlineSeconds: {
        type: 'integer',
        minimum: 60,
        description: 'Time within which the migration must be complete.',
        default: 3600,
      },
    }),
    replicas: { type: 'integer', minimum: 1, description: 'Number of pods.', default: 2 },
    autoscaling: group('The HorizontalPodAutoscaler. It replaces `replicas`.', {
      enabled: {
        type: 'boolean',
        description: 'Whether to create a HorizontalPodAutoscaler.',
        default: false,
      },
      minReplicas: { type: 'integer', minimum: 1, description: 'Minimum number of pods.', default: 2 },
      maxReplicas: {
        type: 'integer',
        minimum: 1,
        description:
          'Maximum number of pods. PostgreSQL must accept `DATABASE_POOL_SIZE` connections, and a few more, from each.',
        default: 6,
      },
      targetCpuUtilization: {
        type: 'integer',
        minimum: 1,
        description: 'Target for the average use of the requested processor time (percent).',
        default: 70,
      },
    }),
    resources: {
      ...object,
      description:
        'Requests and limits of a pod. A process takes 83 MB when it is ready and 260 MB under load. Imported Argon2 hashes take their memory parameter in addition for each login at once. Logins take processor time: as many at once are hashed as the limit has processors. Nothing but the log is stored.',
      default: {
        requests: { cpu: '500m', memory: '256Mi', 'ephemeral-storage': '64Mi' },
        limits: { cpu: '2', memory: '512Mi', 'ephemeral-storage': '256Mi' },
      },
    },
    startupSeconds: {
      type: 'integer',
      minimum: 10,
      description: 'Time after which a pod that has not started is restarted.',
      default: 300,
    },
    preStopSeconds: {
      type: 'integer',
      minimum: 0,
      maximum: 300,
      description:
        'Time between the moment at which a pod is taken out of the Service and SIGTERM, after which it accepts requests for `DRAIN_SECONDS`. Together they must be longer than load balancers take to notice.',
      default: 5,
    },
    ...trafficValues,
    podDisruptionBudget: group('The PodDisruptionBudget.', {
      enabled: { type: 'boolean', description: 'Whether to create a PodDisruptionBudget.', default: true },
      maxUnavailable: {
        type: 'integer',
        minimum: 1,
        description: 'Maximum number of pods that may be evicted at once.',
        default: 1,
      },
    }),
    metrics: group('Metrics for Prometheus, on a port of their own.', {
      enabled: { type: 'boolean', description: 'Whether metrics are served.', default: false },
      port: { ...port, not: { const: 8000 }, description: 'Port of the metrics.', default: 9464 },
      from: {
        ...objects,
        description: 'Peers that the NetworkPolicy lets fetch metrics; all if it is empty.',
      },
      serviceMonitor: group('The ServiceMonitor of Prometheus Operator.', {
        enabled: { type: 'boolean', description: 'Whether to create a ServiceMonitor.', default: false },
        interval: {
          type: 'string',
          pattern: '^[0-9]+(ms|s|m)$',
          description: 'Time between two scrapes, such as `30s`.',
          default: '30s',
        },
        labels: { ...texts, description: 'Labels by which Prometheus selects the ServiceMonitor.' },
      }),
      prometheusRule: group('The PrometheusRule with the alerts.', {
        enabled: { type: 'boolean', description: 'Whether to create a PrometheusRule.', default: false },
        labels: { ...texts, description: 'Labels by which Prometheus selects the PrometheusRule.' },
        runbooks: {
          type: 'string',
          pattern: '^(https?://[!-~]+)?$',
          description: 'URL of the folder that contains `docs/`, with which the links of the alerts begin.',
          default: '',
        },
      }),
    }),
    topologySpread: {
      enum: ['ScheduleAnyway', 'DoNotSchedule'],
      description:
        'What the scheduler does with a pod if it cannot spread the pods evenly over zones and nodes.',
      default: 'ScheduleAnyway',
    },
    serviceAccountName: {
      ...name,
      description: 'ServiceAccount of the pods. Its token is not mounted.',
      default: 'default',
    },
    runAsUser: {
      type: ['integer', 'null'],
      minimum: 1,
      description:
        'User and group of the process, which need not exist in the image; null where the cluster chooses them, as OpenShift does.',
      default: 10_001,
    },
    podLabels: { ...texts, description: 'Additional labels of the pods.' },
    podAnnotations: { ...texts, description: 'Annotations of the pods.' },
    nodeSelector: { ...texts, description: 'Labels of the nodes on which pods may run.' },
    affinity: { ...object, description: 'Affinity of the pods.' },
    tolerations: { ...objects, description: 'Tolerations of the pods.' },
    priorityClassName: { ...optionalName, description: 'Priority class of the pods.' },
    extraEnv: {
      ...objects,
      description:
        'Environment variables other than settings of Latchkey, such as `NODE_OPTIONS`, as in the specification of a container.',
    },
    extraVolumes: {
      ...objects,
      description: 'Additional volumes of the pods, such as one with the certificate of the database.',
    },
    extraVolumeMounts: { ...objects, description: 'Where the additional volumes are mounted.' },
    fullnameOverride: {
      ...optionalName,
      maxLength: 52,
      description: 'Name of the resources, in place of the one made from the name of the release.',
    },
  }
}
