import { randomUUID } from 'node:crypto'
import { bearer } from './sessions.js'

/** Maximum number of items of a session that are read again. */
const maxItemIds = 20
/** Number of logins that wait for their end, and of those that have ended and are tried again. */
const maxLogins = 20

/**
 * @typedef {import('./load.js').Operation} Operation
 * @typedef {import('./http.js').Exchange} Exchange
 * @typedef {import('./sessions.js').Session} Session
 * @typedef {import('./sessions.js').Tokens} Tokens
 *
 * @typedef {object} Parts what the operations use
 * @property {import('./http.js').Http} http
 * @property {import('./sender.js').Sender} sender
 * @property {import('./ledger.js').Ledger} ledger
 * @property {ReturnType<typeof import('./sessions.js').createSessions>} sessions
 * @property {Session[]} users who stay logged in
 * @property {string[]} visitors names of users who log in and out
 * @property {string} client value of the header Authorization of a confidential client
 */

/**
 * Returns the operations of the load, and how often each of them occurs (of a thousand).
 *
 * @param {Parts} parts
 * @returns {Operation[]}
 */
export function operationsOf(parts) {
  const { http, sender, client, users } = parts
  const next = inTurn(users)
  const { logIn, logOut, useEndedLogin, endedTokens } = visits(parts)

  /**
   * @param {string} kind
   * @param {Session} session
   * @param {string} path
   * @param {number} dueAt
   */
  async function read(kind, { tokens }, path, dueAt) {
    const accepts = (/** @type {Exchange} */ { status }) =>
      status === 200 || (status === 401 && tokens.hasEnded)
    await sender.once({ kind, accepts }, () => http.send(path, { headers: bearer(tokens) }), dueAt)
  }

  /** @type {Record<string, [weight: number, run: (dueAt: number) => Promise<unknown>]>} */
  const operations = {
    'current user': [330, (dueAt) => read('current user', next(), '/users/me/', dueAt)],
    items: [70, (dueAt) => read('items', next(), '/users/me/items/?limit=10', dueAt)],
    item: [
      200,
      (dueAt) => {
        const session = next()
        const id = session.itemIds[Math.floor(Math.random() * session.itemIds.length)]
        return read('item', session, id ? `/users/me/items/${id}` : '/users/me/items/', dueAt)
      },
    ],
    'new item': [120, (dueAt) => addItem(parts, next(), dueAt)],
    refresh: [
      60,
      async (dueAt) => {
        const session = next()
        if (session.isRefreshing) return read('current user', session, '/users/me/', dueAt)
        session.isRefreshing = true
        await parts.sessions.refresh(session, dueAt)
        session.isRefreshing = false
      },
    ],
    introspection: [
      120,
      (dueAt) => {
        const ended = endedTokens()
        const tokens = ended ?? next().tokens
        const accepts = (/** @type {Exchange} */ { status, body }) =>
          status === 200 && (ended ? !body.active : body.active || tokens.hasEnded)
        const send = () => http.post('/introspect', { token: tokens.access }, { authorization: client })
        return sender.once({ kind: 'introspection', accepts }, send, dueAt)
      },
    ],
    'client credentials': [
      90,
      (dueAt) => {
        const accepts = (/** @type {Exchange} */ { status }) => status === 200
        const send = () =>
          http.post('/token', { grant_type: 'client_credentials' }, { authorization: client })
        return sender.once({ kind: 'client credentials', accepts }, send, dueAt)
      },
    ],
    login: [2, logIn],
    logout: [2, logOut],
    'ended login': [6, useEndedLogin],
  }
  return Object.entries(operations).map(([name, [weight, run]]) => ({
    name,
    weight,
    run: async (dueAt) => void (await run(dueAt)),
  }))
}

/**
 * Adds an item. Its title is the key by which the request is carried out once.
 *
 * @param {Parts} parts
 * @param {Session} session
 * @param {number} dueAt
 */
async function addItem({ http, sender, ledger }, session, dueAt) {
  const title = ledger.newTitle()
  let { tokens } = session
  const message = { method: 'POST', body: JSON.stringify({ title }) }
  const headers = { 'content-type': 'application/json', 'idempotency-key': randomUUID() }
  const accepted = await sender.untilAccepted(
    {
      kind: 'new item',
      accepts: ({ status }) => status === 201 || (status === 401 && tokens.hasEnded),
    },
    () => {
      tokens = session.tokens
      return http.send('/users/me/items/', { ...message, headers: { ...headers, ...bearer(tokens) } })
    },
    dueAt,
  )
  if (!accepted) return
  ledger.acknowledge(title, session.username)
  if (accepted.headers['idempotency-replayed']) ledger.storedUnseen += 1
  session.itemIds.push(accepted.body.item_id)
  if (session.itemIds.length > maxItemIds) session.itemIds.shift()
}

/**
 * Returns the operations of users who log in and out.
 *
 * @param {Parts} parts
 */
function visits({ http, sender, sessions, visitors }) {
  const next = inTurn(visitors)
  /** @type {Tokens[]} */
  const present = []
  /** @type {Tokens[]} */
  const ended = []
  let turn = 0

  return {
    /** @param {number} dueAt */
    async logIn(dueAt) {
      const tokens = await sessions.logIn(next(), dueAt)
      if (tokens) present.push(tokens)
      if (present.length > maxLogins) present.shift()
    },

    /** @param {number} dueAt */
    async logOut(dueAt) {
      const tokens = present.shift()
      if (!tokens || !(await sessions.logOut(tokens, dueAt))) return
      tokens.hasEnded = true
      ended.push(tokens)
      if (ended.length > maxLogins) ended.shift()
    },

    /** @param {number} dueAt */
    async useEndedLogin(dueAt) {
      const tokens = ended[turn++ % maxLogins]
      if (!tokens) return
      const accepts = (/** @type {Exchange} */ { status }) => status === 401
      const send = () => http.send('/users/me/', { headers: bearer(tokens) })
      await sender.once({ kind: 'ended login', accepts }, send, dueAt)
    },

    /** Returns tokens of an ended login for some of the calls. */
    endedTokens: () => (turn++ % 10 === 0 ? ended[turn % maxLogins] : undefined),
  }
}

/**
 * Returns a function that returns the elements in turn.
 *
 * @template T
 * @param {T[]} elements
 */
function inTurn(elements) {
  let turn = 0
  return () => /** @type {T} */ (elements[turn++ % elements.length])
}
