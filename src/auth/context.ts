import type { Config } from '../config.js'
import type { Database } from '../database/index.js'
import type { Issuer } from './access-token.js'
import type { KeyRing } from './keys/ring.js'

/** What the OAuth endpoints and their grants work with. */
export interface AuthContext {
  config: Config
  database: Database
  keyRing: KeyRing
  /** Key of the keyed hashes. */
  macKey: Buffer
  /** What tokens say of their issuer, and must say; nothing where a shared secret signs them. */
  issuer: Issuer | null
}
