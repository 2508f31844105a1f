import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { parseList } from '../list-field.js'

/** Time for a client to read a response that was sent before the end of the request body (milliseconds). */
const lingerMs = 500

interface Exchange {
  request: IncomingMessage
  response: ServerResponse
}

/** The state of one connection. */
interface Pipeline {
  /** The exchange in progress. */
  current: Exchange | undefined
  /** The last request, if its response was sent before its body was complete. */
  answeredEarly: IncomingMessage | undefined
  /** The requests parsed after the current one, in their order. The connection is paused while there are any. */
  waiting: Exchange[]
  /** Sends the last response, once all others have been sent. */
  end: ((socket: Socket) => void) | undefined
  /** Whether the connection is paused until it closes. */
  isUnread: boolean
  /** Whether further requests are ignored. */
  isClosing: boolean
  /** Whether the current request was pipelined: sent before the response to the one before it, or followed by others. */
  isPipelined: boolean
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

  function open(socket: Socket): Pipeline {
    const pipeline: Pipeline = {
      current: undefined,
      answeredEarly: undefined,
      waiting: [],
      end: undefined,
      isUnread: false,
      isClosing: false,
      isPipelined: false,
    }
    pipelines.set(socket, pipeline)
    // Node.js resumes a connection after each message it has parsed.
    socket.on('resume', function stayPaused() {
      if (pipeline.waiting.length > 0 || pipeline.isUnread) socket.pause()
    })
    // A client that half-closes the connection is gone, unless it has pipelined requests: it still gets the responses.
    socket.on('end', function closeUnlessPipelined() {
      if (!pipeline.isPipelined && !pipeline.end) socket.end()
    })
    return pipeline
  }

  function start(pipeline: Pipeline, exchange: Exchange): void {
    pipeline.current = exchange
    exchange.response.once('close', () => proceed(pipeline, exchange.request))
    handle(exchange.request, exchange.response)
  }

  function proceed(pipeline: Pipeline, request: IncomingMessage): void {
    const { socket } = request
    pipeline.current = undefined
    pipeline.answeredEarly = request.complete ? undefined : request
    if (!socket.writable) pipeline.waiting = []
    if (!request.complete && request.headers['transfer-encoding'] !== undefined) linger(pipeline, socket)
    const next = pipeline.waiting.shift()
    pipeline.isPipelined = next !== undefined
    if (pipeline.waiting.length === 0 && socket.isPaused()) socket.resume()
    if (next) start(pipeline, next)
    else if (socket.writable) pipeline.end?.(socket)
  }

  /** Ends a connection without reading the rest of a chunked body, which may have any length. */
  function linger(pipeline: Pipeline, socket: Socket): void {
    pipeline.isUnread = true
    pipeline.isClosing = true
    socket.pause()
    socket.end()
    const timer = setTimeout(() => socket.destroy(), lingerMs).unref()
    socket.once('close', () => clearTimeout(timer))
  }

  return {
    add(request, response) {
      const { socket } = request
      const pipeline = pipelines.get(socket) ?? open(socket)
      if (pipeline.end || pipeline.isClosing) return
      if (asksForUpgrade(request)) {
        // Node.js drops what it has read after such a request, so that the next bytes may be the middle of a message.
        pipeline.isClosing = true
        response.shouldKeepAlive = false
      }
      const exchange = { request, response }
      if (!pipeline.current) return start(pipeline, exchange)
      pipeline.isPipelined = true
      pipeline.waiting.push(exchange)
      socket.pause()
    },
    end(socket, sendLastResponse) {
      const pipeline = pipelines.get(socket) ?? open(socket)
      if (pipeline.end) return
      pipeline.end = sendLastResponse
      const { current, answeredEarly, waiting } = pipeline
      // An incomplete request is the message at fault.
      if (waiting.at(-1)?.request.complete === false) waiting.pop()
      else if (waiting.length > 0 || current?.request.complete) return
      else if (current?.response.headersSent || answeredEarly?.complete === false) socket.destroy()
      else sendLastResponse(socket)
    },
  }
}

/** Returns whether Node.js treats the bytes after a request as another protocol (RFC 9110 §7.8), although they are HTTP here. */
function asksForUpgrade({ headers: { upgrade, connection = '' } }: IncomingMessage): boolean {
  return upgrade !== undefined && parseList(connection).some((option) => option.toLowerCase() === 'upgrade')
}
