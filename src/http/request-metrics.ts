import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import { httpMethods } from '../metrics/catalogue/http.js'
import { routeOf } from './route.js'

type Method = (typeof httpMethods)[number]

/** Observes requests and the connections of clients. */
export const requestMetrics = plugin(observeRequests, { name: 'request-metrics', dependencies: ['metrics'] })

async function observeRequests(app: FastifyInstance): Promise<void> {
  const { metrics } = app
  const active = new Map<Method, number>(httpMethods.map((method) => [method, 0]))
  const changeActive = (method: Method, change: number) =>
    active.set(method, Number(active.get(method)) + change)

  app.addHook('onRequest', function observeRequest(request, { raw }, done) {
    const startedAt = performance.now()
    const method = toMethod(request.method)
    changeActive(method, 1)
    raw.once('close', function recordDuration() {
      changeActive(method, -1)
      const labels = {
        http_request_method: method,
        http_route: routeOf(request) ?? '',
        http_response_status_code: raw.headersSent ? String(raw.statusCode) : '',
      }
      metrics.requestDuration.record(labels, (performance.now() - startedAt) / 1_000)
    })
    done()
  })

  for (const method of httpMethods)
    metrics.activeRequests.observe({ http_request_method: method }, () => active.get(method))
  observeConnections(app)
}

function observeConnections({ metrics, server }: FastifyInstance): void {
  let open = 0
  server.on('connection', function countConnection(socket) {
    open += 1
    socket.once('close', () => {
      open -= 1
    })
  })
  server.on('drop', () => metrics.droppedConnections.add({}))
  metrics.connections.observe({}, () => open)
  metrics.maxConnections.observe({}, () => server.maxConnections)
}

/** Returns the method as the label has it. The set of methods that clients can send is larger. */
function toMethod(method: string): Method {
  return httpMethods.find((known) => known === method) ?? '_OTHER'
}
