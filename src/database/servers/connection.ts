import type { EventEmitter } from 'node:events'
import { Socket, type TcpSocketConnectOpts } from 'node:net'
import type { Duplex } from 'node:stream'
import pg from 'pg'
import type { Address } from '../../config/database-url.js'
import { lookUpServer } from './lookup.js'
import { findUnsuitability, readReport, roleQuery } from './roles.js'
import { NoUsableServer, nameOf, type ServerFailure, type Servers, UnsuitableServer } from './servers.js'

/** Message of pg's error for a connection that the server has closed. */
export const lostConnection = 'Connection terminated unexpectedly'

/** Servers among which a connection looks for a usable one, and the bounds of the search. */
export interface Search {
  servers: Servers
  /** Time for all servers together (milliseconds). */
  timeoutMs: number
  /** Whether to ask for the role of a server even if it was reported, because a pooler may be in between. */
  asksRole: boolean
}

/** Options of pg's connection. */
interface Options {
  ssl: unknown
  sslNegotiation: unknown
}

/** Parts of pg's connection that its type declarations leave out. */
interface Base extends EventEmitter {
  stream: Duplex
  /** Whether the client has ended the connection. */
  _ending: boolean
  connect(where: TcpSocketConnectOpts | number | string, host?: string): void
  attachListeners(stream: Duplex): void
  query(text: string): void
  _send(message: Buffer): boolean
}

/** Listener that reads messages from a stream. */
type Reader = (data: Buffer) => void

const Base = pg.Connection as unknown as new (options: object) => Base

/** SQLSTATEs of a server that lacks resources, starts or stops. Any other refusal, as of a password, ends the search as in libpq. */
const passingStates = /^(53|57P)/

/** Errors of pg's client about the password that it has, or the proof of a server that it knows it. */
const passwordProblem = /^SASL: /

/** Part of the time for all servers after which the search ends, before pg's own timer, which cannot say which servers were tried. */
const searchShare = 0.9

/**
 * The wire beneath pg's client, which leads to the first usable server of a URL. Until one is found, the client hears of no failure:
 * it begins anew with each server, when this emits `connect` again.
 */
export class ServerConnection extends Base {
  /** Name of the server, once a usable one is found. */
  server: string | null = null
  readonly #search: Search
  readonly #failures: ServerFailure[] = []
  readonly #reports = new Map<string, string>()
  #isSearching = false
  #deadline = 0
  #timer: NodeJS.Timeout | undefined
  /** The server that is tried, and those that are left. */
  #address: Address
  #remaining: Address[] = []
  #socket: Socket
  /** Whether the server has requested an answer: a late one to the previous server must not be sent. */
  #isAsked = false
  #hasAskedRole = false

  constructor(options: Options, search: Search) {
    const socket = new Socket()
    super({ ...options, stream: socket, keepAlive: true })
    this.#search = search
    this.#socket = socket
    this.#address = search.servers.inOrder()[0]
  }

  /** @param single address of the only server. pg takes what a URL leaves out from the environment */
  override connect(...single: [port: number | string, host?: string]): void {
    const { servers, timeoutMs } = this.#search
    const [first, ...others] = servers.inOrder()
    this.#isSearching = true
    this.#address = first
    this.#remaining = others
    this.#deadline = performance.now() + timeoutMs * searchShare
    if (others.length > 0) this.#connectInTime()
    else this.#open(...single)
  }

  /** Closes the connection at once, whatever the server does. */
  destroy(): void {
    this._ending = true
    this.stream.destroy()
  }

  /**
   * Starts to read from a server. pg throws where it cannot read a message, such as the request for an authentication that it does
   * not support. That ends the connection; uncaught, it would end the process.
   */
  override attachListeners(stream: Duplex): void {
    super.attachListeners(stream)
    for (const read of stream.listeners('data')) {
      stream.off('data', read as Reader)
      stream.on('data', this.#readOrRefuse.bind(this, read as Reader))
    }
  }

  override emit(event: string | symbol, ...values: unknown[]): boolean {
    return this.#isSearching ? this.#handleEvent(event, values) : super.emit(event, ...values)
  }

  override _send(message: Buffer): boolean {
    return (!this.#isSearching || this.#isAsked) && super._send(message)
  }

  /** Connects to the server, whose share of the remaining time is that of each of those that are left. */
  #connectInTime(): void {
    const shareMs = (this.#deadline - performance.now()) / (this.#remaining.length + 1)
    this.#timer = setTimeout(() => this.stream.destroy(new Error('timeout expired')), Math.max(shareMs, 0))
    const { host, port } = this.#address
    if (host.startsWith('/')) this.#open(`${host}/.s.PGSQL.${port}`)
    else this.#open(port, host)
  }

  /** Opens the socket. @param host absent if the port is the path of a Unix socket */
  #open(port: number | string, host?: string): void {
    if (host === undefined) super.connect(port)
    else super.connect({ port: Number(port), host, autoSelectFamily: true, lookup: lookUpServer }, host)
  }

  #readOrRefuse(read: Reader, data: Buffer): void {
    try {
      read(data)
    } catch (error) {
      this.#refuse(error as Error)
    }
  }

  #handleEvent(event: string | symbol, values: unknown[]): boolean {
    switch (event) {
      case 'parameterStatus':
      case 'dataRow':
        readReport(values[0], this.#reports)
        return true
      case 'rowDescription':
      case 'commandComplete':
        return true
      case 'readyForQuery':
        return this.#useIfSuitable(values)
      case 'errorMessage':
      case 'error':
        return this.#handleError(values[0] as Error & { code?: string }, event)
      case 'end':
        this.#fail(new Error(lostConnection))
        return this.#isSearching || super.emit(event)
      default:
        this.#isAsked ||= String(event).startsWith('authentication')
        return super.emit(event, ...values)
    }
  }

  /** Uses the server, which accepts statements now, unless it is not what the connection needs. */
  #useIfSuitable(values: unknown[]): boolean {
    const { servers, asksRole } = this.#search
    const isUnknown = asksRole || !this.#reports.has('in_hot_standby')
    if (servers.target !== 'any' && isUnknown && !this.#hasAskedRole) return this.#askRole()
    const problem = findUnsuitability(servers.target, this.#reports)
    if (problem !== null) {
      this.stream.destroy(new UnsuitableServer(`the server ${problem}`))
      return true
    }
    this.#stopSearching()
    this.server = nameOf(this.#address)
    servers.use(this.server)
    return super.emit('readyForQuery', ...values)
  }

  #askRole(): boolean {
    this.#hasAskedRole = true
    this.query(roleQuery)
    return true
  }

  #handleError(error: Error & { code?: string }, event: 'errorMessage' | 'error'): boolean {
    const isPassing =
      event === 'error' ? !passwordProblem.test(error.message) : passingStates.test(String(error.code))
    return isPassing ? this.#fail(error) : this.#refuse(error)
  }

  /** Ends the search and the connection, and reports the error to the client. */
  #refuse(error: Error): boolean {
    this.#stopSearching()
    // pg's client leaves the connection open after an error about the password that it has.
    this.stream.destroy()
    return super.emit('error', error)
  }

  /** Tries the next server. If there is none, reports the failure to the client. */
  #fail(error: Error): boolean {
    this.#failures.push({ server: nameOf(this.#address), error })
    clearTimeout(this.#timer)
    const [next, ...remaining] = this.#remaining
    if (next === undefined || this._ending) {
      this.#stopSearching()
      return super.emit('error', this.#failures.length === 1 ? error : new NoUsableServer(this.#failures))
    }
    this.#address = next
    this.#remaining = remaining
    this.#startAnew()
    this.#connectInTime()
    return true
  }

  #startAnew(): void {
    for (const stream of [this.stream, this.#socket]) {
      stream.removeAllListeners()
      stream.on('error', () => {})
      stream.destroy()
    }
    this.#socket = new Socket()
    this.stream = this.#socket
    this.#reports.clear()
    this.#isAsked = false
    this.#hasAskedRole = false
  }

  #stopSearching(): void {
    this.#isSearching = false
    clearTimeout(this.#timer)
  }
}
