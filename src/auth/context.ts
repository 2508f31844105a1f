import type { LRUCache } from 'lru-cache'
import type { Config } from '../config/index.js'
import type { InvalidatingCache } from '../database/changes/cache.js'
import type { ChangeFeed } from '../database/changes/index.js'
import type { Database } from '../database/client.js'
import type { Passwords } from '../passwords/index.js'
import type { Issuer } from './access-token.js'
import type { Standing } from './current.js'
import type { KeyRing } from './keys/ring.js'
import type { Client } from './store/clients.js'
import type { VerifiedToken } from './verify.js'

/** What the OAuth endpoints and their grants work with. */
export interface AuthContext {
  config: Config
  database: Database
  keyRing: KeyRing
  passwords: Passwords
  /** Returns the key of the keyed hashes as it is now: `app.readMacKey`. */
  readMacKey(): Promise<Buffer>
  /** What tokens say of their issuer, and must say; nothing where a shared secret signs them. */
  issuer: Issuer | null
  changes: ChangeFeed
  /** Clients by their ids. */
  clients: InvalidatingCache<string, Client | null>
  /** Whose signature has been found good, by the tokens themselves. */
  verified: LRUCache<string, VerifiedToken>
  /** What tokens may do now, by what they say. */
  standings: InvalidatingCache<VerifiedToken, Standing>
}
