import { routeOf } from '../route.js'
import { type LogFormat, pathOf } from './format.js'

/** The format `json`: pino's names, and Latchkey's own. docs/logs.md documents them. */
export const jsonFormat: LogFormat = {
  requestIdLabel: 'reqId',
  options: {},

  describeSpan: ({ traceId, spanId }) => ({ trace_id: traceId, span_id: spanId }),

  describeRequest(request, response) {
    const { id, method, url, clientAddress, loggedCaller, span } = request
    const route = routeOf(request)
    const context = span?.spanContext()
    return {
      reqId: id,
      method,
      route,
      path: pathOf(url, route),
      remoteAddress: clientAddress ?? 'none',
      statusCode: response?.statusCode,
      responseTime: response?.elapsedTime,
      subject: loggedCaller?.subject,
      clientId: loggedCaller?.clientId,
      trace_id: context?.traceId,
      span_id: context?.spanId,
    }
  },
}
