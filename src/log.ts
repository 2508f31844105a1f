import type { FastifyLoggerOptions, FastifyRequest } from 'fastify'
import type { Config } from './config.js'

const secrets = [
  'authorization',
  'cookie',
  'password',
  'client_secret',
  'access_token',
  'refresh_token',
  'token',
]

/** JSON lines on standard output. A request is logged without its query and headers, where secrets may be. */
export function loggerOptions({ logLevel }: Config): FastifyLoggerOptions & { redact: string[] } {
  return {
    level: logLevel,
    redact: secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
    serializers: {
      req: ({ method, url, ip }: FastifyRequest) => ({
        method,
        path: url.replace(/\?.*/s, ''),
        remoteAddress: ip,
      }),
    },
  }
}
