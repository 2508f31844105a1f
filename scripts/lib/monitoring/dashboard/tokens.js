import { plots } from './layout.js'
import { timeSeries } from './panels.js'
import { quantiles, rate, sum } from './query.js'

const hits = rate('latchkey_cache_requests_total', ['cache'], 'result="hit"')
const lookUps = rate('latchkey_cache_requests_total', ['cache'])

export const tokens = {
  title: 'Tokens',
  panels: plots(
    timeSeries({
      title: 'Token requests by grant',
      description:
        'Requests to the token endpoint. "_OTHER" stands for grants that are unknown or not allowed.',
      unit: 'reqps',
      stacked: true,
      queries: { '{{grant}}': rate('latchkey_token_requests_total', ['grant']) },
    }),
    timeSeries({
      title: 'Token requests by outcome',
      description: 'Requests to the token endpoint by "ok" or the error that was answered.',
      unit: 'reqps',
      stacked: true,
      queries: { '{{outcome}}': rate('latchkey_token_requests_total', ['outcome']) },
    }),
    timeSeries({
      title: 'Token requests by client',
      description: 'The ten clients with most requests. Only if METRICS_CLIENTS is set.',
      unit: 'reqps',
      queries: {
        '{{client_id}}': `topk(10, ${rate('latchkey_client_token_requests_total', ['client_id'])})`,
      },
    }),
    timeSeries({
      title: 'Refresh tokens',
      description:
        'Presented refresh tokens. "reused" is an old one that was presented again, which ended the login: it may be stolen.',
      unit: 'reqps',
      queries: { '{{outcome}}': rate('latchkey_refreshes_total', ['outcome']) },
    }),
    timeSeries({
      title: 'Checks of access tokens',
      description: 'Checks by routes, by /verify for proxies, and by introspection.',
      unit: 'reqps',
      stacked: true,
      queries: {
        '{{place}} {{result}}': `${rate('latchkey_access_token_checks_total', ['place', 'result'])} > 0`,
      },
    }),
    timeSeries({
      title: 'Duration of signing',
      description: 'Time to sign a token.',
      unit: 's',
      queries: quantiles('latchkey_signing_duration_seconds'),
    }),
    timeSeries({
      title: 'Cache hits',
      description:
        'Share of look-ups that the memory of the process answered. It is low after a start and while the change feed is disconnected.',
      unit: 'percentunit',
      max: 1,
      queries: { '{{cache}}': `${hits} / ${lookUps}` },
    }),
    timeSeries({
      title: 'Cached entries',
      description: 'Entries in the caches of all processes, and status lists in their memory.',
      unit: 'none',
      queries: {
        '{{cache}}': sum('latchkey_cache_entries', ['cache']),
        'status lists': sum('latchkey_status_lists_loaded'),
      },
    }),
    timeSeries({
      title: 'Status lists',
      description:
        'Entries that were given to tokens, blocks of entries that were leased, and lists that were built.',
      unit: 'ops',
      queries: {
        entries: rate('latchkey_status_entries_total'),
        blocks: rate('latchkey_status_blocks_total'),
        lists: rate('latchkey_status_list_builds_total'),
      },
    }),
  ),
}
