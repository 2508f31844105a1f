import { Type } from 'typebox'
import { databaseUrl, duration, integer, text } from './kinds.js'

export const databaseSettings = {
  DATABASE_URL: Type.Optional(
    databaseUrl('writing', {
      description: 'PostgreSQL database, as a [database URL](#database-urls).',
      whenUnset: 'an embedded PostgreSQL is started, except in production, which requires the setting',
      example: 'postgresql://latchkey:secret@db.example.com:5432/latchkey',
      since: '0.1.0',
    }),
  ),

  DATABASE_DIRECT_URL: Type.Optional(
    databaseUrl('writing', {
      description:
        'PostgreSQL itself, if `DATABASE_URL` leads to a pooler such as PgBouncer in transaction mode. Migrations and the `LISTEN` connection use it.',
      whenUnset: 'the value of `DATABASE_URL`',
      example: 'postgresql://latchkey:secret@db.example.com:5432/latchkey',
      since: '0.1.0',
    }),
  ),

  DATABASE_REPLICA_URL: Type.Optional(
    databaseUrl('replica', {
      description:
        'Streaming replica from which items are read, or several of which one is used. It has a pool of its own, of the same size. It must not be a pooler.',
      whenUnset: 'items are read from the primary',
      example: 'postgresql://latchkey:secret@replica.example.com:5432/latchkey',
      since: '0.1.0',
    }),
  ),

  DATABASE_REPLICA_MAX_LAG_SECONDS: duration('seconds', {
    description:
      'Maximum replication lag. While the replica is further behind, or has been promoted, items are read from the primary.',
    default: 10,
    minimum: 1,
    maximum: 3_600,
    example: '5',
    since: 'unreleased',
  }),

  DATABASE_POOL_SIZE: integer({
    description: 'Maximum number of pooled connections per process. One more connection listens for changes.',
    default: 10,
    minimum: 1,
    maximum: 1_000,
    example: '20',
    since: '0.1.0',
  }),

  DATABASE_TIMEOUT_SECONDS: duration('seconds', {
    description:
      'Maximum duration of a statement. Every other [time limit](operations.md#time-limits) is derived from it.',
    default: 10,
    minimum: 2,
    maximum: 3_600,
    example: '5',
    since: '0.1.0',
  }),

  DATA_DIRECTORY: text({
    description:
      'Directory of the embedded PostgreSQL and, without an `SMTP_URL`, of the files that mail is written to. For root, PostgreSQL runs as `nobody`. If `nobody` cannot enter the directory, as below `/root`, the data are in `/var/lib/latchkey/postgres-…`, and `postgres` in this directory is a link to them: to delete the data, delete both.',
    default: '.data',
    maxLength: 4_096,
    example: '/var/lib/latchkey',
    since: '0.1.0',
  }),
}
