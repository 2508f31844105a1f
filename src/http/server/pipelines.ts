import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { parseList } from '../list-field.js'

/** Time for a client to read a response that was sent before the end of the request body (milliseconds). */
const lingerMs = 500

interface Exchange {
  request: IncomingMessage
  response: ServerResponse
}

/** The pipelines of all connections of a server. */
export interface Pipelines {
  /** Handles a request once the responses to all earlier requests of its connection have been sent. */
  add: RequestListener
  /**
   * Ends a connection with a last response, after those to earlier requests. If the response to the message at fault has
   * already started, the connection is only closed.
   */
  end(socket: Socket, sendLastResponse: (socket: Socket) => void): void
}

/**
 * Handles the requests of each connection one at a time, in their order (RFC 9112 §9.3.2). Node.js closes the response in
 * progress together with the connection, so that its resources are released. A client that sends many requests and reads
 * no response takes the memory of one response: waiting requests have none, and the connection is paused meanwhile.
 */
export function createPipelines(handle: RequestListener): Pipelines {
  const pipelines = new WeakMap<Socket, Pipeline>()

  function getOrCreate(socket: Socket): Pipeline {
    const known = pipelines.get(socket)
    if (known) return known
    const created = new Pipeline(socket, handle)
    pipelines.set(socket, created)
    return created
  }

  return {
    add: (request, response) => getOrCreate(request.socket).add({ request, response }),
    end: (socket, sendLastResponse) => getOrCreate(socket).end(sendLastResponse),
  }
}

/** The requests of one connection. */
class Pipeline {
  readonly #socket: Socket
  readonly #handle: RequestListener
  /** The exchange in progress. */
  #current: Exchange | undefined
  /** The last request, if its response was sent before its body was complete. */
  #answeredEarly: IncomingMessage | undefined
  /** The requests parsed after the current one, in their order. The connection is paused while there are any. */
  #waiting: Exchange[] = []
  /** Sends the last response, once all others have been sent. */
  #sendLastResponse: ((socket: Socket) => void) | undefined
  /** Whether the connection is paused until it closes. */
  #isUnread = false
  /** Whether further requests are ignored. */
  #isClosing = false
  /** Whether the current request was pipelined: sent before the response to the one before it, or followed by others. */
  #isPipelined = false

  constructor(socket: Socket, handle: RequestListener) {
    this.#socket = socket
    this.#handle = handle
    // Node.js resumes a connection after each message it has parsed.
    socket.on('resume', () => {
      if (this.#waiting.length > 0 || this.#isUnread) socket.pause()
    })
    // A client that half-closes the connection is gone, unless it has pipelined requests: it still gets the responses.
    socket.on('end', () => {
      if (!this.#isPipelined && !this.#sendLastResponse) socket.end()
    })
  }

  add(exchange: Exchange): void {
    if (this.#sendLastResponse || this.#isClosing) return
    if (asksForUpgrade(exchange.request)) {
      // Node.js drops what it has read after such a request, so that the next bytes may be the middle of a message.
      this.#isClosing = true
      exchange.response.shouldKeepAlive = false
    }
    if (this.#current) this.#wait(exchange)
    else this.#start(exchange)
  }

  #wait(exchange: Exchange): void {
    this.#isPipelined = true
    this.#waiting.push(exchange)
    this.#socket.pause()
  }

  #start(exchange: Exchange): void {
    const { request, response } = exchange
    this.#current = exchange
    response.once('close', () => this.#proceed(request))
    this.#handle(request, response)
  }

  /** Starts the next exchange after the response to a request. */
  #proceed(request: IncomingMessage): void {
    const socket = this.#socket
    this.#current = undefined
    this.#answeredEarly = request.complete ? undefined : request
    if (!socket.writable) this.#waiting = []
    if (!request.complete && request.headers['transfer-encoding'] !== undefined) this.#linger()
    const next = this.#waiting.shift()
    this.#isPipelined = next !== undefined
    if (this.#waiting.length === 0 && socket.isPaused()) socket.resume()
    if (next) this.#start(next)
    else if (socket.writable) this.#sendLastResponse?.(socket)
  }

  /** Ends the connection without reading the rest of a chunked body, which may have any length. */
  #linger(): void {
    const socket = this.#socket
    this.#isUnread = true
    this.#isClosing = true
    socket.pause()
    socket.end()
    const timer = setTimeout(() => socket.destroy(), lingerMs).unref()
    socket.once('close', () => clearTimeout(timer))
  }

  end(sendLastResponse: (socket: Socket) => void): void {
    if (this.#sendLastResponse) return
    this.#sendLastResponse = sendLastResponse
    const current = this.#current
    // An incomplete request is the message at fault.
    if (this.#waiting.at(-1)?.request.complete === false) this.#waiting.pop()
    else if (this.#waiting.length > 0 || current?.request.complete) return
    else if (current?.response.headersSent || this.#answeredEarly?.complete === false) this.#socket.destroy()
    else sendLastResponse(this.#socket)
  }
}

/** Returns whether Node.js treats the bytes after a request as another protocol (RFC 9110 §7.8), although they are HTTP here. */
function asksForUpgrade({ headers: { upgrade, connection = '' } }: IncomingMessage): boolean {
  return upgrade !== undefined && parseList(connection).some((option) => option.toLowerCase() === 'upgrade')
}
