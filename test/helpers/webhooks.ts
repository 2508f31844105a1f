import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import { query } from '../database/query.js'
import { runCommand } from './command.js'

/** A request as a receiver got it. */
export interface ReceivedMessage {
  headers: IncomingHttpHeaders
  body: string
}

/** A receiver of messages on this machine. */
export interface Receiver {
  url: string
  /** Setting that permits messages to it. */
  settings: { WEBHOOK_INTERNAL_HOSTS: string }
  received: ReceivedMessage[]
}

/** Starts a receiver. By default it accepts every message with 204. */
export async function startReceiver(
  t: Test,
  answer: (response: ServerResponse, message: ReceivedMessage) => void = (response) =>
    response.writeHead(204).end(),
): Promise<Receiver> {
  const received: ReceivedMessage[] = []
  const server = createServer(async (request, response) => {
    const message = { headers: request.headers, body: await text(request) }
    received.push(message)
    answer(response, message)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url: `http://${host}/hook`, settings: { WEBHOOK_INTERNAL_HOSTS: host }, received }
}

/** Creates a webhook by the command line, and returns its secret. */
export async function createWebhook(
  database: string,
  name: string,
  { url, settings }: Pick<Receiver, 'url' | 'settings'>,
  ...options: string[]
): Promise<string> {
  const args = ['webhooks', 'create', name, '--url', url, '--json', ...options]
  const { stdout, stderr } = await runCommand(database, args, { env: settings })
  if (stderr) throw new Error(stderr)
  return (JSON.parse(stdout) as { secret: string }).secret
}

/**
 * Makes all messages due whose next attempt is later, as if the time until then had passed. It removes their last failure, so that
 * the next one shows that the next attempt has been settled.
 */
export async function makeDue(database: string): Promise<void> {
  await query(
    database,
    `WITH due AS (
       UPDATE outbox SET next_attempt_at = now(), last_failure = NULL WHERE next_attempt_at > now() RETURNING id
     )
     SELECT pg_notify('latchkey_changes', 'outbox:webhook') FROM due`,
  )
}
