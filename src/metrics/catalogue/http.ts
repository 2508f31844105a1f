import { errorCodes, unavailableReasons } from '../../errors.js'
import { counter, durations, gauge } from '../definition.js'

/** Methods as OpenTelemetry's conventions know them; `_OTHER` stands for any other. */
export const httpMethods = [
  'CONNECT',
  'DELETE',
  'GET',
  'HEAD',
  'OPTIONS',
  'PATCH',
  'POST',
  'PUT',
  'TRACE',
  '_OTHER',
] as const

/** Errors of messages that are refused before they are requests. */
export const refusedMessages = [
  'body_too_large',
  'header_too_large',
  'malformed_request',
  'method_not_allowed',
  'request_timeout',
  'unsupported_expectation',
  'unsupported_http_version',
  'unsupported_transfer_coding',
] as const

/**
 * Upper bounds of the buckets for requests (seconds): those of OpenTelemetry's semantic conventions, and two smaller ones for reads that
 * are answered from memory.
 */
const requestBuckets = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
]

export const httpMetrics = {
  requestDuration: durations(
    'http_server_request_duration_seconds',
    'Duration of requests, until the response has been sent or the client has disconnected.',
    requestBuckets,
    {
      http_request_method: httpMethods,
      http_route: 'the path templates of the routes; absent for a request without a route',
      http_response_status_code: 'the statuses of responses; absent if the client disconnected before one',
    },
  ),
  activeRequests: gauge('http_server_active_requests', 'Requests in progress.', {
    labels: { http_request_method: httpMethods },
  }),
  errorResponses: counter('latchkey_error_responses', 'Error responses, by their code (docs/errors.md).', {
    labels: { code: errorCodes },
  }),
  unavailableResponses: counter('latchkey_unavailable_responses', 'Responses with 503, by their reason.', {
    labels: { reason: unavailableReasons },
  }),
  refusedMessages: counter(
    'latchkey_refused_messages',
    'Messages that were refused before they were requests, by the code of the error.',
    { labels: { code: refusedMessages } },
  ),
  connections: gauge('latchkey_connections', 'Open client connections.'),
  maxConnections: gauge(
    'latchkey_connections_max',
    'Maximum number of client connections (MAX_CONNECTIONS).',
  ),
  droppedConnections: counter(
    'latchkey_connections_dropped',
    'Client connections that were closed at once because of MAX_CONNECTIONS.',
  ),
  draining: gauge('latchkey_draining', '1 while the service is shutting down, 0 otherwise.'),
}
