import { Type } from 'typebox'
import { samplers } from '../../tracing/settings.js'
import { choice, flag, pairs, share, text, url } from './kinds.js'

/** Settings under the names of OpenTelemetry's specification, of which Latchkey supports these. */
export const tracingSettings = {
  OTEL_EXPORTER_OTLP_ENDPOINT: Type.Optional(
    url(
      /^https?:\/\/[^?@]+$/,
      {
        description:
          'Base URL of an OpenTelemetry collector, which [traces](tracing.md) are sent to by OTLP/HTTP; `/v1/traces` is appended.',
        whenUnset: 'no traces are recorded',
        maxLength: 2_048,
        example: 'http://localhost:4318',
        since: 'unreleased',
      },
      'a URL that begins with http:// or https://, without user and query',
    ),
  ),

  OTEL_EXPORTER_OTLP_HEADERS: Type.Optional(
    pairs({
      description:
        'Header lines of each export, as `name=value` with commas between them. Special characters in the values are percent-encoded.',
      whenUnset: 'exports have no further headers',
      example: 'authorization=Bearer%20replace-me',
      secret: true,
      since: 'unreleased',
    }),
  ),

  OTEL_EXPORTER_OTLP_PROTOCOL: choice(['http/protobuf', 'http/json'], {
    description: 'Encoding of the spans. gRPC is not supported.',
    default: 'http/protobuf',
    example: 'http/json',
    since: 'unreleased',
  }),

  OTEL_SERVICE_NAME: text({
    description: 'Name of this service in its traces, and in its logs if `LOG_FORMAT` is `ecs`.',
    default: 'latchkey',
    maxLength: 255,
    example: 'latchkey-staging',
    since: 'unreleased',
  }),

  OTEL_RESOURCE_ATTRIBUTES: Type.Optional(
    pairs({
      description:
        'Further attributes of this process, as `name=value` with commas between them. Special characters in the values are percent-encoded.',
      whenUnset: 'the traces name the service, its version and the process only',
      example: 'deployment.environment.name=staging,k8s.pod.name=latchkey-0',
      since: 'unreleased',
    }),
  ),

  OTEL_TRACES_SAMPLER: choice(samplers, {
    description:
      'Which traces are recorded. With `parentbased_…` a caller that sends a `traceparent` decides, and the rest of the name applies to other requests.',
    default: 'parentbased_always_on',
    example: 'parentbased_traceidratio',
    since: 'unreleased',
  }),

  OTEL_TRACES_SAMPLER_ARG: Type.Optional(
    share({
      description: 'Share of the traces that the samplers with `traceidratio` record, from 0 to 1.',
      whenUnset: 'they record all',
      example: '0.1',
      since: 'unreleased',
    }),
  ),

  OTEL_SDK_DISABLED: flag({
    description: 'Whether traces are off although `OTEL_EXPORTER_OTLP_ENDPOINT` is set.',
    default: false,
    example: 'true',
    since: 'unreleased',
  }),
}
