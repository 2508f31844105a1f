import type { FastifyInstance, FastifyRequest } from 'fastify'

/** Has a content type without content count as none (RFC 9110 §8.3), where a route takes no body. */
export function ignoreTypesWithoutContent(app: FastifyInstance): void {
  app.addHook('onRequest', async function ignoreTypeWithoutContent(request) {
    const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers
    if (!takesBody(request) && length === '0' && encoding === undefined)
      delete request.headers['content-type']
  })
}

/** Whether the route of a request takes a body. */
export function takesBody({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.schema?.body !== undefined
}
