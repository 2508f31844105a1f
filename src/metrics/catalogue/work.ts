import { counter, durations, gauge } from '../definition.js'

/** Names of the tasks that run periodically, as the log has them. The change feed has metrics of its own. */
const periodicTasks = [
  'claiming names',
  'delivering webhooks',
  'ending tokens',
  'following the keys',
  'measuring the backlog of webhooks',
  'removing expired rows',
  'removing the items of deleted users',
  'removing what deletions left behind',
  'revoking tokens with lost scopes',
] as const

export type PeriodicTask = (typeof periodicTasks)[number]

/** States of webhooks. */
export const webhookStates = ['active', 'failing', 'disabled', 'auto_disabled'] as const

/** Upper bounds of the buckets for attempts to deliver a message, which end with the response, or after some seconds (seconds). */
const attemptBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export const workMetrics = {
  taskRuns: counter('latchkey_task_runs', 'Runs of the periodic tasks.', {
    labels: { task: periodicTasks, outcome: ['ok', 'failed'] },
  }),
  taskSuccess: gauge(
    'latchkey_task_last_success_timestamp_seconds',
    'Time of the end of the last successful run of a periodic task, and before the first one of the start (seconds since 1970).',
    { labels: { task: periodicTasks }, unit: 'seconds' },
  ),
  backgroundTasks: counter('latchkey_background_tasks', 'Tasks that run after the response.', {
    labels: { outcome: ['ok', 'failed', 'dropped'] },
  }),
  backgroundWaiting: gauge('latchkey_background_waiting', 'Tasks that wait to run after the response.'),
  mails: counter(
    'latchkey_mails',
    'E-mails. `off` stands for one that was not sent because SMTP_URL is not set.',
    {
      labels: { outcome: ['sent', 'failed', 'dropped', 'off'] },
    },
  ),
  mailsWaiting: gauge('latchkey_mails_waiting', 'E-mails that are being sent or wait for it.'),
  webhookAttempts: counter(
    'latchkey_webhook_attempts',
    'Attempts to deliver messages to webhooks: `retried` failed and is repeated, `dead` failed and was the last one.',
    { labels: { outcome: ['delivered', 'retried', 'dead'] } },
  ),
  webhookAttemptDuration: durations(
    'latchkey_webhook_attempt_duration_seconds',
    'Duration of attempts to deliver messages to webhooks.',
    attemptBuckets,
  ),
  webhookMessages: gauge(
    'latchkey_webhook_messages',
    'Messages in the outbox: `pending` for an enabled webhook, or a `dead` letter. At most 10,000 of each are counted for a webhook.',
    { labels: { state: ['pending', 'dead'] } },
  ),
  webhookOldestAge: gauge(
    'latchkey_webhook_oldest_pending_age_seconds',
    'Age of the oldest pending message by the clock of the database. 0 without one.',
    { unit: 'seconds' },
  ),
  webhooks: gauge(
    'latchkey_webhooks',
    'Webhooks by state: `failing` has accepted no message since one failed, `disabled` was by an operator, `auto_disabled` because its endpoint is gone or has failed for days.',
    { labels: { state: webhookStates } },
  ),
}
