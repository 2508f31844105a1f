import { counter, durations, gauge } from '../definition.js'

/** Upper bounds of the buckets for hashing, which takes some 0.1 s (seconds). */
const hashingBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

export const passwordMetrics = {
  passwordChecks: counter('latchkey_password_checks', 'Passwords that were compared with a hash.', {
    labels: { result: ['correct', 'wrong'] },
  }),
  throttled: counter(
    'latchkey_throttled_attempts',
    'Attempts that were refused because of earlier wrong passwords: of the network (answered with 429), or of the account (answered like a wrong password).',
    { labels: { of: ['network', 'account'] } },
  ),
  hashing: durations(
    'latchkey_hashing_duration_seconds',
    'Duration of hashing or verifying a password, without the wait.',
    hashingBuckets,
    { operation: ['hash', 'verify'] },
  ),
  hashingRejected: counter(
    'latchkey_hashing_rejected',
    'Passwords that were not hashed, and answered with 503.',
    {
      labels: { reason: ['queue_full', 'wait'] },
    },
  ),
  hashingRunning: gauge('latchkey_hashing_running', 'Passwords that are being hashed.'),
  hashingWaiting: gauge('latchkey_hashing_waiting', 'Passwords that wait to be hashed.'),
  hashingConcurrency: gauge(
    'latchkey_hashing_concurrency',
    'Maximum number of passwords that are hashed at once (HASHING_CONCURRENCY).',
  ),
}
