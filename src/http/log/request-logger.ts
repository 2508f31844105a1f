import type { SpanContext } from '@opentelemetry/api'
import type { FastifyBaseLogger, LogLevel } from 'fastify'
import type { Bindings, ChildLoggerOptions } from 'fastify/types/logger.js'

/** Property of a logger that has the span of the request whose lines it writes. Its child loggers inherit it. */
const spanOfLogger = Symbol('span')

/** Returns the span of the request whose lines a logger writes, if it is traced. */
export function spanOf(logger: object): SpanContext | undefined {
  return (logger as { [spanOfLogger]?: SpanContext })[spanOfLogger]
}

/** Creates the logger of one request, whose lines have the id of the request. */
export function createRequestLogger(
  parent: FastifyBaseLogger,
  bindings: Bindings,
  options: ChildLoggerOptions,
): FastifyBaseLogger {
  return new RequestLogger(parent, bindings, options)
}

/** A child logger that is created when it logs its first line: creating one is expensive, and most requests log none. */
export class RequestLogger implements FastifyBaseLogger {
  /** Span of the request, if it is traced. */
  span: SpanContext | undefined
  readonly #parent: FastifyBaseLogger
  readonly #bindings: Bindings
  readonly #options: ChildLoggerOptions
  #logger: FastifyBaseLogger | undefined

  constructor(parent: FastifyBaseLogger, bindings: Bindings, options: ChildLoggerOptions) {
    this.#parent = parent
    this.#bindings = bindings
    this.#options = options
  }

  get level(): string {
    return this.#parent.level
  }

  fatal(...line: unknown[]): void {
    this.#log('fatal', line)
  }

  error(...line: unknown[]): void {
    this.#log('error', line)
  }

  warn(...line: unknown[]): void {
    this.#log('warn', line)
  }

  info(...line: unknown[]): void {
    this.#log('info', line)
  }

  debug(...line: unknown[]): void {
    this.#log('debug', line)
  }

  trace(...line: unknown[]): void {
    this.#log('trace', line)
  }

  silent(): void {}

  child(bindings: Bindings, options?: ChildLoggerOptions): FastifyBaseLogger {
    return this.#create().child(bindings, options)
  }

  #log(level: Exclude<LogLevel, 'silent'>, line: unknown[]): void {
    this.#create()[level](...(line as Parameters<FastifyBaseLogger['info']>))
  }

  #create(): FastifyBaseLogger {
    this.#logger ??= Object.assign(this.#parent.child(this.#bindings, this.#options), {
      [spanOfLogger]: this.span,
    })
    return this.#logger
  }
}
