import { group, objects, optionalName, port, texts } from './kinds.js'

/** The values that lead requests to the service, in the order of the documents. */
export const trafficValues = {
  service: group('The Service.', {
    type: { enum: ['ClusterIP', 'NodePort', 'LoadBalancer'], description: 'Type.', default: 'ClusterIP' },
    port: { ...port, description: 'Port.', default: 80 },
    annotations: { ...texts, description: 'Annotations.' },
  }),
  ingress: group('The Ingress for the host of `config.ISSUER`.', {
    enabled: { type: 'boolean', description: 'Whether there is one.', default: false },
    className: { ...optionalName, description: 'Class; the default of the cluster if it is empty.' },
    annotations: { ...texts, description: 'Annotations.' },
    tlsSecretName: {
      ...optionalName,
      description: 'Secret with the certificate. Without it, what is in front of the Ingress must end TLS.',
    },
  }),
  gateway: {
    ...group('The HTTPRoute for the host of `config.ISSUER`.', {
      enabled: { type: 'boolean', description: 'Whether there is one.', default: false },
      parentRefs: { ...objects, description: 'Gateways to which it belongs. Required if there is one.' },
      annotations: { ...texts, description: 'Annotations.' },
    }),
    anyOf: [{ properties: { enabled: { const: false } } }, { properties: { parentRefs: { minItems: 1 } } }],
  },
  networkPolicy: group('The NetworkPolicy of the service.', {
    enabled: { type: 'boolean', description: 'Whether there is one.', default: true },
    from: { ...objects, description: 'Peers that may send requests; all if it is empty.' },
    egress: {
      ...objects,
      description:
        'Rules for outgoing connections, of the migration too: to DNS, PostgreSQL, the mail server, the key sets of clients, the receivers of webhooks and the collector of traces. The chart restricts none if it is empty. Set it in a namespace that denies what no policy allows.',
    },
  }),
}
