/** Setting REFRESH_TOKEN_GRACE_SECONDS: time for which a used refresh token gets the newest one. */
export const graceSeconds = 10

const scope = 'me items:read items:write'

/**
 * @typedef {{ access: string, refresh: string, hasEnded: boolean }} Tokens `hasEnded` if the client must expect that they are refused
 *
 * @typedef {object} Session a user who stays logged in
 * @property {string} username
 * @property {Tokens} tokens
 * @property {boolean} isRefreshing
 * @property {string[]} itemIds some of their items
 */

/** @param {import('./http.js').Exchange} exchange */
const isOk = ({ status }) => status === 200

/**
 * Creates functions that log users in and out.
 *
 * @param {import('./http.js').Http} http
 * @param {import('./sender.js').Sender} sender
 */
export function createSessions(http, { untilAccepted }) {
  /** Ids of the keys that have signed access tokens. @type {Set<string>} */
  const keys = new Set()

  /**
   * @param {string} username
   * @param {number} [dueAt]
   * @returns {Promise<Tokens | undefined>}
   */
  async function logIn(username, dueAt = performance.now()) {
    const form = { grant_type: 'password', username, password: 'secret', scope }
    const exchange = await untilAccepted(
      { kind: 'login', accepts: isOk },
      () => http.post('/token', form),
      dueAt,
    )
    return exchange && toTokens(exchange)
  }

  /**
   * @param {import('./http.js').Exchange} exchange
   * @returns {Tokens}
   */
  function toTokens({ body: { access_token: access, refresh_token: refresh } }) {
    keys.add(keyOf(access))
    return { access, refresh, hasEnded: false }
  }

  return {
    keys,
    logIn,

    /**
     * Exchanges the refresh token of a session. If the first response is lost, it is presented again: it gets the newest one within
     * the grace period, and ends the login after it.
     *
     * @param {Session} session
     * @param {number} dueAt
     */
    async refresh(session, dueAt) {
      const { tokens } = session
      const form = { grant_type: 'refresh_token', refresh_token: tokens.refresh }
      let firstAt = 0
      function send() {
        firstAt ||= performance.now()
        tokens.hasEnded = performance.now() - firstAt > graceSeconds * 1000
        return http.post('/token', form)
      }
      const accepts = (/** @type {import('./http.js').Exchange} */ exchange) =>
        isOk(exchange) || (tokens.hasEnded && exchange.body.error === 'invalid_grant')
      const exchange = await untilAccepted({ kind: 'refresh', accepts }, send, dueAt)
      const next = exchange && isOk(exchange) ? toTokens(exchange) : await logIn(session.username)
      if (next) session.tokens = next
    },

    /**
     * Logs out. The tokens are refused once that has been acknowledged.
     *
     * @param {Tokens} tokens
     * @param {number} dueAt
     */
    async logOut(tokens, dueAt) {
      const form = { token: tokens.refresh }
      const accepted = await untilAccepted(
        { kind: 'logout', accepts: isOk },
        () => http.post('/revoke', form),
        dueAt,
      )
      return accepted !== undefined
    },
  }
}

/** Returns the id of the key that has signed a token. @param {string} token */
function keyOf(token) {
  const [header = ''] = token.split('.')
  return String(JSON.parse(Buffer.from(header, 'base64url').toString()).kid)
}

/** Returns the header of a request by the bearer of tokens. @param {Tokens} tokens */
export function bearer({ access }) {
  return { authorization: `Bearer ${access}` }
}
