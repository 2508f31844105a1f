import { Type } from 'typebox'
import { integer, text } from './kinds.js'

export const metricsSettings = {
  METRICS_PORT: Type.Optional(
    integer({
      description:
        'Port to serve [metrics](metrics.md) on, at `/metrics`. `0` takes a free one, which the log names. It is a port of its own, as metrics are for operators only.',
      whenUnset: 'no metrics are served',
      minimum: 0,
      maximum: 65_535,
      example: '9464',
      since: 'unreleased',
    }),
  ),

  METRICS_HOST: text({
    description: 'Address to serve metrics on. Everyone who reaches it can read them.',
    default: '127.0.0.1',
    maxLength: 255,
    example: '0.0.0.0',
    since: 'unreleased',
  }),

  METRICS_CLIENTS: integer({
    description:
      'Maximum number of clients that have metrics of their own: the first ones that authenticate. All others are counted together. `0` counts no clients.',
    default: 0,
    minimum: 0,
    maximum: 1_000,
    example: '50',
    since: 'unreleased',
  }),
}
