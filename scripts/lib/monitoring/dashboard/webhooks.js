import { plots } from './layout.js'
import { timeSeries } from './panels.js'
import { max, quantiles, rate } from './query.js'

export const webhooks = {
  title: 'Webhooks',
  panels: plots(
    timeSeries({
      title: 'Attempts by outcome',
      description:
        'Attempts to deliver messages. "retried" failed and is repeated, "dead" failed and was the last one.',
      unit: 'ops',
      stacked: true,
      queries: { '{{outcome}}': rate('latchkey_webhook_attempts_total', ['outcome']) },
    }),
    timeSeries({
      title: 'Duration of attempts',
      description: 'Time until an endpoint has responded. It has 5 seconds.',
      unit: 's',
      queries: quantiles('latchkey_webhook_attempt_duration_seconds'),
    }),
    timeSeries({
      title: 'Age of the oldest pending message',
      description: 'How far the slowest webhook is behind. It is seconds at most normally.',
      unit: 's',
      queries: { age: max('latchkey_webhook_oldest_pending_age_seconds') },
      thresholds: { green: null, red: 900 },
    }),
    timeSeries({
      title: 'Messages',
      description:
        'Messages that wait for their next attempt, and dead letters, which could not be delivered for 24 hours. At most 10,000 of each are counted for a webhook.',
      unit: 'none',
      queries: { '{{state}}': max('latchkey_webhook_messages', ['state']) },
    }),
    timeSeries({
      title: 'Webhooks by state',
      description:
        'Webhooks that take their messages, fail, or are disabled, by an operator or automatically (auto_disabled).',
      unit: 'none',
      stacked: true,
      queries: { '{{state}}': max('latchkey_webhooks', ['state']) },
    }),
  ),
}
