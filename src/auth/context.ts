import type { Config } from '../config.js'
import type { Database } from '../database/index.js'
import type { Passwords } from '../passwords/index.js'
import type { Issuer } from './access-token.js'
import type { KeyRing } from './keys/ring.js'

/** What the OAuth endpoints and their grants work with. */
export interface AuthContext {
  config: Config
  database: Database
  keyRing: KeyRing
  passwords: Passwords
  /** The key of the keyed hashes. The first time it is read from the database. */
  provideMacKey(): Promise<Buffer>
  /** What tokens say of their issuer, and must say; nothing where a shared secret signs them. */
  issuer: Issuer | null
}
