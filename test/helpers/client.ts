import type { FastifyInstance } from 'fastify'

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/**
 * Returns a client of the service that sends an access token, or none if it is null: `as(app, token).get('/users/me/')`. Each
 * request first waits until the service has received the changes that the test made in the database.
 */
export function as(app: FastifyInstance, token: string | null) {
  async function send(method: Method, url: string, body?: object) {
    await app.changes.sync()
    return app.inject({
      method,
      url,
      headers: { ...(token !== null && { authorization: `Bearer ${token}` }) },
      ...(body && { payload: body }),
    })
  }
  return {
    send,
    get: (url: string) => send('GET', url),
    post: (url: string, body?: object) => send('POST', url, body),
    put: (url: string, body?: object) => send('PUT', url, body),
    patch: (url: string, body?: object) => send('PATCH', url, body),
    delete: (url: string, body?: object) => send('DELETE', url, body),
  }
}
