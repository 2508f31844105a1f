import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Time for a client to read an answer that came before the end of its body (milliseconds). */
const lingerMs = 500

interface Exchange {
  request: IncomingMessage
  response: ServerResponse
}

/** The state of one connection. */
interface Pipeline {
  /** The exchange under way. */
  current: Exchange | undefined
  /** The last request, if it was answered before its body was complete. */
  answered: IncomingMessage | undefined
  /** The requests parsed after it, in their order. While there are any the connection is not read. */
  waiting: Exchange[]
  /** Sends the last answer once no other is owed. */
  end: ((socket: Socket) => void) | undefined
  /** Whether the connection is no longer read, and ends soon. */
  isUnread: boolean
  /** Whether nothing behind the requests so far is to be read. */
  isClosing: boolean
  /** Whether the current request had others before or behind it when it came. */
  isPipelined: boolean
}

/** The requests of all connections of a server. */
export interface Pipelines {
  /** Handles a request once all before it on its connection have been answered. */
  add: RequestListener
  /**
   * Ends a connection after the answers that are owed. Where the answer to the message at fault has begun already, the
   * connection is only closed.
   */
  end(socket: Socket, sendLastAnswer: (socket: Socket) => void): void
}

/**
 * Handles the requests of each connection one at a time, in their order (RFC 9112 §9.3.2). The response under way is the
 * one that Node.js closes with the connection, so nothing it holds outlives that, and a client that sends many requests
 * and reads nothing has one answer in memory. Waiting requests hold only themselves; meanwhile nothing more is read.
 */
export function createPipelines(handle: RequestListener): Pipelines {
  const pipelines = new WeakMap<Socket, Pipeline>()

  function open(socket: Socket): Pipeline {
    const pipeline: Pipeline = {
      current: undefined,
      answered: undefined,
      waiting: [],
      end: undefined,
      isUnread: false,
      isClosing: false,
      isPipelined: false,
    }
    pipelines.set(socket, pipeline)
    // Node.js resumes a connection after each message that it has parsed.
    socket.on('resume', function stayPaused() {
      if (pipeline.waiting.length > 0 || pipeline.isUnread) socket.pause()
    })
    // A client that closes its side has gone, unless it has pipelined requests: those are answered first.
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
    pipeline.answered = request.complete ? undefined : request
    if (!socket.writable) pipeline.waiting = []
    if (!request.complete && request.headers['transfer-encoding'] !== undefined) linger(pipeline, socket)
    const next = pipeline.waiting.shift()
    pipeline.isPipelined = next !== undefined
    if (pipeline.waiting.length === 0 && socket.isPaused()) socket.resume()
    if (next) start(pipeline, next)
    else if (socket.writable) pipeline.end?.(socket)
  }

  /** Ends a connection on which the rest of a body may come in any number of chunks: none of them is read. */
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
        // Node.js drops what it has read behind such a request: what it reads next may begin anywhere.
        pipeline.isClosing = true
        response.shouldKeepAlive = false
      }
      const exchange = { request, response }
      if (!pipeline.current) return start(pipeline, exchange)
      pipeline.isPipelined = true
      pipeline.waiting.push(exchange)
      socket.pause()
    },
    end(socket, sendLastAnswer) {
      const pipeline = pipelines.get(socket) ?? open(socket)
      if (pipeline.end) return
      pipeline.end = sendLastAnswer
      const { current, answered, waiting } = pipeline
      // A request that is not complete is the message at fault.
      if (waiting.at(-1)?.request.complete === false) waiting.pop()
      else if (waiting.length > 0 || current?.request.complete) return
      else if (current?.response.headersSent || answered?.complete === false) socket.destroy()
      else sendLastAnswer(socket)
    },
  }
}

/** Whether Node.js takes what follows a request for another protocol (RFC 9110 §7.8), which it is not here. */
function asksForUpgrade({ headers: { upgrade, connection = '' } }: IncomingMessage): boolean {
  return upgrade !== undefined && /(?:^|,)[ \t]*upgrade[ \t]*(?:,|$)/i.test(connection)
}
