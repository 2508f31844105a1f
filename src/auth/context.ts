import type { Config } from '../config/index.js'
import type { ChangeFeed } from '../database/changes/index.js'
import type { Database } from '../database/client.js'
import type { Metrics } from '../metrics/index.js'
import type { Passwords } from '../passwords/index.js'
import type { Issuer } from './access-token.js'
import type { LogCaller } from './caller-log.js'
import type { KeySets } from './clients/key-sets.js'
import type { ClientSource, StandingSource } from './current.js'
import type { KeyRing } from './keys/ring.js'
import type { CatalogueSource } from './resources/catalogue.js'
import type { StatusAllocator } from './status/allocator.js'
import type { FamilyLimits } from './store/families.js'
import type { FindRefreshToken } from './store/refresh-tokens.js'
import type { VerificationContext } from './verify.js'

/** Settings of the OAuth endpoints and their grants. */
export type OAuthConfig = FamilyLimits &
  Pick<Config, 'allowedGrants' | 'bcryptCost' | 'issuer' | 'metricsClients'>

/** Dependencies of the OAuth endpoints and their grants. */
export interface AuthContext extends CatalogueSource, ClientSource, StandingSource, VerificationContext {
  config: OAuthConfig
  database: Database
  keyRing: KeyRing
  passwords: Passwords
  /** Returns the current key of the keyed hashes: `app.readMacKey`. */
  readMacKey(): Promise<Buffer>
  /** Issuer and audience of the tokens; null where a shared secret signs them. */
  issuer: Issuer | null
  findRefreshToken: FindRefreshToken
  changes: ChangeFeed
  /** Adds the caller of a request to its line in the log. */
  logCaller: LogCaller
  metrics: Metrics
  /** Gives tokens their entries of status lists; null where tokens have no status. */
  statusAllocator: StatusAllocator | null
  /** Keys with which clients authenticate. */
  keySets: KeySets
}
