import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

interface Exchange {
  request: IncomingMessage
  response: ServerResponse
}

/** The state of one connection. */
interface Pipeline {
  /** The exchange under way. */
  current: Exchange | undefined
  /** A request that was answered before all of it had come. */
  answered: IncomingMessage | undefined
  /** The requests that have been parsed behind it, in their order. While there are some the connection is not read. */
  waiting: Exchange[]
  /** Sends the last answer, once nothing else is owed. */
  end: ((socket: Socket) => void) | undefined
  /** Whether several requests came at once, of which the current one is the last at the earliest. */
  isPipelined: boolean
}

/** The requests of all connections of a server. */
export interface Pipelines {
  /** Handles a request when all before it on its connection have been answered. */
  add: RequestListener
  /**
   * Ends a connection that brought something other than a request, after the answers that are owed before it. In the
   * place of an answer that has begun it only cuts the connection.
   */
  end(socket: Socket, sendLastAnswer: (socket: Socket) => void): void
}

/**
 * Handles the requests of each connection one at a time, in their order (RFC 9112 §9.3.2): what is answered holds the
 * connection, so Node.js tells it when that closes, and one client has one answer in memory however much it asks for and
 * does not read. Requests that wait hold nothing but themselves, and no more are read than came with one read.
 */
export function createPipelines(handle: RequestListener): Pipelines {
  const pipelines = new WeakMap<Socket, Pipeline>()

  function open(socket: Socket): Pipeline {
    const pipeline: Pipeline = {
      current: undefined,
      answered: undefined,
      waiting: [],
      end: undefined,
      isPipelined: false,
    }
    pipelines.set(socket, pipeline)
    // Node.js resumes a connection after each message that it has parsed.
    socket.on('resume', function stayPaused() {
      if (pipeline.waiting.length > 0) socket.pause()
    })
    // A client that sends no more has gone, unless it has sent several requests at once.
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
    const next = pipeline.waiting.shift()
    pipeline.isPipelined = next !== undefined
    if (pipeline.waiting.length === 0 && socket.isPaused()) socket.resume()
    if (next) start(pipeline, next)
    else if (socket.writable) pipeline.end?.(socket)
  }

  return {
    add(request, response) {
      const { socket } = request
      const pipeline = pipelines.get(socket) ?? open(socket)
      if (pipeline.end) return
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
      // What went wrong is the rest of the last request, where that has not come whole.
      if (waiting.at(-1)?.request.complete === false) waiting.pop()
      else if (waiting.length > 0 || current?.request.complete) return
      else if (current?.response.headersSent || answered?.complete === false) socket.destroy()
      else sendLastAnswer(socket)
    },
  }
}
