import pg from 'pg'
import { type Search, ServerConnection } from './connection.js'

/** Parts of pg's client that its type declarations leave out. */
interface Internals {
  connection: ServerConnection
  sslNegotiation: string
}

/** pg's client, which connects to the first usable one of several servers. */
export class ServerClient extends pg.Client {
  constructor(options: pg.ClientConfig, search: Search) {
    super(options)
    const internals = this as unknown as Internals
    const { sslNegotiation } = internals
    internals.connection = new ServerConnection({ ssl: this.ssl, sslNegotiation }, search)
  }

  /** Name of the server, once the client is connected. */
  get server(): string | null {
    return (this as unknown as Internals).connection.server
  }

  /** Closes the connection at once, whatever the server does. */
  destroy(): void {
    ;(this as unknown as Internals).connection.destroy()
  }
}
