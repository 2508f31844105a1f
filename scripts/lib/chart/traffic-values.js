import { group, objects, optionalName, port, texts } from './kinds.js'

/** The values that lead requests to the service, in the order of the documents. */
export const trafficValues = {
  service: group('The Service.', {
    type: {
      enum: ['ClusterIP', 'NodePort', 'LoadBalancer'],
      description: 'Type of the Service.',
      default: 'ClusterIP',
    },
    port: { ...port, description: 'Port of the Service.', default: 80 },
    annotations: { ...texts, description: 'Annotations of the Service.' },
  }),
  ingress: group('The Ingress for the host of `config.ISSUER`.', {
    enabled: { type: 'boolean', description: 'Whether to create an Ingress.', default: false },
    className: {
      ...optionalName,
      description: 'Class of the Ingress; the default of the cluster if it is empty.',
    },
    annotations: { ...texts, description: 'Annotations of the Ingress.' },
    tlsSecretName: {
      ...optionalName,
      description:
        'Secret with the certificate and its key. Without one, a proxy in front of the Ingress must terminate TLS.',
    },
  }),
  gateway: {
    ...group('The HTTPRoute for the host of `config.ISSUER`.', {
      enabled: { type: 'boolean', description: 'Whether to create an HTTPRoute.', default: false },
      parentRefs: {
        ...objects,
        description: 'Gateways that the HTTPRoute belongs to, at least one if it is created.',
      },
      annotations: { ...texts, description: 'Annotations of the HTTPRoute.' },
    }),
    anyOf: [{ properties: { enabled: { const: false } } }, { properties: { parentRefs: { minItems: 1 } } }],
  },
  networkPolicy: group('The NetworkPolicy of the service.', {
    enabled: { type: 'boolean', description: 'Whether to create a NetworkPolicy.', default: true },
    from: { ...objects, description: 'Peers that may send requests; all if it is empty.' },
    egress: {
      ...objects,
      description:
        'Rules for outgoing connections, of the migration too: to DNS, PostgreSQL, the mail server, the key sets of clients, the receivers of webhooks and the collector of traces. The chart restricts none if it is empty. Set it in a namespace that denies what no policy allows.',
    },
  }),
}
