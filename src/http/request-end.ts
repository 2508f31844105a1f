import type { ServerResponse } from 'node:http'

/**
 * Calls a listener when a request has ended. The request was aborted if its connection was closed before the whole response was
 * passed on to the operating system. Log, metrics and traces mean the same by it.
 */
export function onRequestEnd(response: ServerResponse, listener: (isAborted: boolean) => void): void {
  let isAborted = true
  response.once('finish', () => {
    isAborted = false
  })
  response.once('close', () => listener(isAborted))
}
