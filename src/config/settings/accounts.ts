import { Type } from 'typebox'
import { choice, duration, integer, text, url } from './kinds.js'

/** Threads of libuv's pool that hashing leaves to files and DNS. */
export const reservedThreads = 2

export const accountSettings = {
  REGISTRATION: Type.Optional(
    choice(['open', 'invitation', 'closed'], {
      description:
        'Who may register: everybody (`open`), people with an invitation (`invitation`) or nobody (`closed`).',
      whenUnset: '`open`, and `closed` in production',
      example: 'invitation',
      since: '0.1.0',
    }),
  ),

  SMTP_URL: Type.Optional(
    url(
      /^smtps?:\/\/[^/?]/,
      {
        description: 'Mail server.',
        whenUnset:
          'mail is written to files in `mail/` below `DATA_DIRECTORY`; in production none is sent, so that nobody can reset a password or change an address',
        maxLength: 2_048,
        secret: true,
        example: 'smtps://latchkey:secret@mail.example.com',
        since: '0.1.0',
      },
      'a URL that begins with smtps:// or smtp://',
    ),
  ),

  MAIL_FROM: Type.Optional(
    text({
      description: 'Sender of mail.',
      whenUnset: '`no-reply@` and the host of the issuer',
      maxLength: 320,
      example: 'Latchkey <no-reply@example.com>',
      since: '0.1.0',
    }),
  ),

  LOGIN_FAILURES_PER_ACCOUNT_AND_NETWORK: integer({
    description:
      'Number of wrong passwords for one account from one network before logins are delayed. Each further failure doubles the delay before the next attempt, up to 15 minutes. A network is an IPv4 address or an IPv6 /64. An IPv6 /56 as a whole has four times this number, a /48 sixteen times.',
    default: 30,
    minimum: 1,
    maximum: 1_000_000,
    example: '10',
    since: 'unreleased',
  }),

  LOGIN_FAILURES_PER_NETWORK: integer({
    description: 'The same for all accounts together, from one network.',
    default: 1_000,
    minimum: 1,
    maximum: 1_000_000,
    example: '200',
    since: 'unreleased',
  }),

  LOGIN_FAILURES_PER_ACCOUNT: integer({
    description: 'The same for one account, from all networks where it has never logged in.',
    default: 100,
    minimum: 1,
    maximum: 1_000_000,
    example: '50',
    since: 'unreleased',
  }),

  BCRYPT_COST: integer({
    description:
      'Work per password hash, as a power of two; at least 10 in production. A hash of another cost is replaced at the next login. Until all are, every login takes as long as the most expensive one.',
    default: 12,
    minimum: 4,
    maximum: 15,
    example: '13',
    since: '0.1.0',
  }),

  HASHING_CONCURRENCY: integer({
    description: `Maximum number of passwords hashed at once; at most \`UV_THREADPOOL_SIZE\` minus ${reservedThreads}. \`0\` stands for the number of processors, within that limit.`,
    default: 0,
    minimum: 0,
    maximum: 1_024,
    example: '2',
    since: '0.1.0',
  }),

  UV_THREADPOOL_SIZE: integer({
    description: `Number of threads of Node.js for hashing, files and DNS; 16 in the Docker image. On a machine with more than two processors, set it to their number plus ${reservedThreads}.`,
    default: 4,
    minimum: 1 + reservedThreads,
    maximum: 1_024,
    example: '10',
    since: 'unreleased',
  }),

  EVENT_RETENTION_DAYS: duration('days', {
    description: 'Time for which security events are kept.',
    default: 90,
    minimum: 1,
    maximum: 3_650,
    example: '365',
    since: '0.1.0',
  }),
}
