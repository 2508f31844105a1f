import { Unavailable } from '../../errors.js'

/**
 * Thrown when the user, the client or the resource of a token has changed since the decision. The change feed has delivered the change
 * by then.
 */
export class OutdatedHolder extends Unavailable {
  constructor() {
    super('token_status')
  }
}
