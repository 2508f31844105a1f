import { figures, plots } from './layout.js'
import { stat, timeSeries } from './panels.js'
import { quantile, quantiles, rate, select, sum } from './query.js'

const requests = 'http_server_request_duration_seconds'
const availability = { red: null, orange: 0.995, green: 0.999 }

export const overview = {
  title: 'Overview',
  panels: [
    ...figures(
      stat({
        title: 'Processes',
        description: 'Processes that Prometheus reaches.',
        unit: 'none',
        queries: { up: sum('up') },
        thresholds: { red: null, green: 1 },
      }),
      stat({
        title: 'Versions',
        description: 'Processes by version. There are two during an update only.',
        unit: 'none',
        queries: { '{{version}}': sum('latchkey_build_info', ['version']) },
      }),
      stat({
        title: 'Alerts',
        description: 'Alerts that are firing. docs/alerts.md says what to do.',
        unit: 'none',
        queries: { firing: 'count(ALERTS{alertname=~"Latchkey.+", alertstate="firing"}) or vector(0)' },
        thresholds: { green: null, red: 1 },
      }),
      stat({
        title: 'Availability of logins',
        description:
          'Share of logins in the chosen time that did not fail through a fault of the service. The objective is 99.9%.',
        unit: 'percentunit',
        max: 1,
        queries: { logins: availabilityOf('latchkey_logins_total') },
        thresholds: availability,
      }),
      stat({
        title: 'Availability of tokens',
        description:
          'Share of token requests in the chosen time that did not fail through a fault of the service. The objective is 99.9%.',
        unit: 'percentunit',
        max: 1,
        queries: { tokens: availabilityOf('latchkey_token_requests_total') },
        thresholds: availability,
      }),
      stat({
        title: 'Requests in progress',
        description: 'Requests that are being answered now.',
        unit: 'none',
        queries: { requests: sum('http_server_active_requests') },
      }),
    ),
    ...plots(
      timeSeries({
        title: 'Requests by status',
        description: 'Finished requests. Those without a status were given up by the client.',
        unit: 'reqps',
        stacked: true,
        queries: {
          '{{http_response_status_code}}': rate(`${requests}_count`, ['http_response_status_code']),
        },
      }),
      timeSeries({
        title: 'Duration of requests',
        description: 'Time until the response was sent. Logins take as long as hashing a password.',
        unit: 's',
        queries: quantiles(requests),
      }),
      timeSeries({
        title: 'Slowest routes',
        description: 'The ten routes with the longest 99th percentile of the duration of requests.',
        unit: 's',
        queries: {
          '{{http_request_method}} {{http_route}}': `topk(10, ${quantile(0.99, requests, ['http_request_method', 'http_route'])})`,
        },
      }),
      timeSeries({
        title: 'Error responses',
        description: 'Error responses by their code, which docs/errors.md explains.',
        unit: 'reqps',
        stacked: true,
        queries: { '{{code}}': `${rate('latchkey_error_responses_total', ['code'])} > 0` },
      }),
      timeSeries({
        title: 'Unavailable',
        description: 'Responses with 503 by their reason. There are none normally.',
        unit: 'reqps',
        stacked: true,
        queries: { '{{reason}}': `${rate('latchkey_unavailable_responses_total', ['reason'])} > 0` },
      }),
      timeSeries({
        title: 'Connections',
        description: 'Open client connections, and how many the processes accept together (MAX_CONNECTIONS).',
        unit: 'none',
        queries: { open: sum('latchkey_connections'), maximum: sum('latchkey_connections_max') },
      }),
      timeSeries({
        title: 'Refused connections and messages',
        description:
          'Connections that were closed because of MAX_CONNECTIONS, and messages that are no valid HTTP, by the code of the error.',
        unit: 'ops',
        queries: {
          connections: rate('latchkey_connections_dropped_total'),
          '{{code}}': `${rate('latchkey_refused_messages_total', ['code'])} > 0`,
        },
      }),
    ),
  ],
}

/**
 * Returns the share of the requests in the chosen time that did not fail through a fault of the service.
 *
 * @param {string} counter
 */
function availabilityOf(counter) {
  const increase = (/** @type {string} */ matcher) => `sum(increase(${select(counter, matcher)}[$__range]))`
  return `1 - ${increase('outcome=~"unavailable|error"')} / ${increase('outcome!="aborted"')}`
}
