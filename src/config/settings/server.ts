import { Type } from 'typebox'
import { isAddressOrNetwork, isUrlHost, toBrowserOrigin } from '../urls.js'
import { choice, duration, flag, integer, list, text } from './kinds.js'

export const serverSettings = {
  NODE_ENV: Type.Optional(
    choice(['development', 'production', 'test'], {
      description:
        '`production` refuses settings that are not safe, `development` accepts them. `test` counts as not set.',
      whenUnset:
        'with a `DATABASE_URL` as `production`, unless its server, `HOST` and `ISSUER` are all on this machine; else as `development`',
      example: 'production',
      since: '0.1.0',
    }),
  ),

  HOST: text({
    description: 'Address to listen on. The Docker image listens on `0.0.0.0`.',
    default: '127.0.0.1',
    maxLength: 255,
    example: '0.0.0.0',
    since: '0.1.0',
  }),

  PORT: integer({
    description: 'Port to listen on. `0` takes a free one.',
    default: 8000,
    minimum: 0,
    maximum: 65_535,
    example: '8080',
    since: '0.1.0',
  }),

  LOG_LEVEL: choice(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    description:
      'Least severe level that is logged. Logs are JSON lines on standard output. In development a banner and the links of mails that are not sent are printed there too.',
    default: 'info',
    example: 'warn',
    since: '0.1.0',
  }),

  LOG_FORMAT: choice(['json', 'ecs'], {
    description:
      'Names of the members of the lines in the [log](logs.md): those of Latchkey, or `ecs` for those of the Elastic Common Schema 8.',
    default: 'json',
    example: 'ecs',
    since: 'unreleased',
  }),

  TRUST_PROXY: Type.Optional(
    list(
      isAddressOrNetwork,
      {
        description:
          'Addresses and networks (CIDR) of the reverse proxies in front. A client address that they forward is trusted; one from any other sender is ignored.',
        whenUnset: 'no forwarded address is trusted',
        example: '10.0.0.0/8 fd00::/8',
        since: '0.1.0',
      },
      'a list of addresses or networks, such as 10.0.0.0/8',
    ),
  ),

  CORS_ORIGINS: Type.Optional(
    list(
      (text) => toBrowserOrigin(text) !== null,
      {
        description: 'Origins whose scripts may call Latchkey from a browser.',
        whenUnset: 'scripts of other origins may not',
        example: 'https://app.example.com http://localhost:3000',
        since: '0.1.0',
      },
      'a list of origins, such as https://app.example.com, without path or wildcard',
    ),
  ),

  WEBHOOK_INTERNAL_HOSTS: Type.Optional(
    list(
      isUrlHost,
      {
        description:
          'Hosts of [webhooks](webhooks.md) that may be in a private network or on this machine, and may be called without TLS. Each is written as in its URL, in lower case, with the port unless that is the default one.',
        whenUnset: 'webhooks are sent to public addresses only, by https',
        example: 'audit.internal:8080 10.0.0.7',
        since: 'unreleased',
      },
      'a list of hosts as they are in URLs, such as audit.internal:8080',
    ),
  ),

  DOCUMENTATION: flag({
    description:
      'Whether `/docs`, `/redoc` and `/openapi.json` are served, as `docs_url`, `redoc_url` and `openapi_url` decide in FastAPI. Without them, `latchkey openapi` still prints the document.',
    default: true,
    example: 'false',
    since: 'unreleased',
  }),

  MAX_CONNECTIONS: integer({
    description: 'Maximum number of open client connections per process.',
    default: 10_000,
    minimum: 1,
    maximum: 1_000_000,
    example: '2000',
    since: '0.1.0',
  }),

  KEEP_ALIVE_SECONDS: duration('seconds', {
    description:
      "Time for which an idle client connection stays open. It must be longer than the load balancer in front keeps one, or its next request meets a closed connection: Google's keeps one for 600 seconds, Amazon's for 60 seconds.",
    default: 65,
    minimum: 1,
    maximum: 86_400,
    example: '620',
    since: 'unreleased',
  }),

  DRAIN_SECONDS: Type.Optional(
    duration('seconds', {
      description:
        'Time for which requests are still accepted after SIGTERM, while `/readyz` already responds with 503.',
      whenUnset: '`0`, and `5` in production',
      minimum: 0,
      maximum: 300,
      example: '15',
      since: '0.1.0',
    }),
  ),
}
