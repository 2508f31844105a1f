import type { Action, Model } from './explorer.js'

/** A refresh under way: `grantRefreshToken` in src/auth/grants/refresh-token.ts. */
interface Refresh {
  presented: number
  /** Whether something else is wrong with the request, such as its scope. */
  isWrong: boolean
  /** Entry of its access token in a status list. */
  entry: number
  /** What comes next. In `locked` and `used` the statement of rotateRefreshToken has one lock or both, in `inserted` storeEntry has its lock. */
  step:
    | 'find'
    | 'rotate'
    | 'locked'
    | 'used'
    | 'follow'
    | 'store'
    | 'inserted'
    | 'settle'
    | 'reuse'
    | 'answer'
  /** Refresh token of the answer; null for a refusal. */
  given: number | null
  /** How things were when the request was sent. */
  wasSpent: boolean
  wasEnded: boolean
  newestBefore: number
}

interface RefreshToken {
  /** A token is `spent` when its grace period is over. */
  state: 'unused' | 'used' | 'spent'
  isExpired: boolean
  /** Whether it can be derived from its parent. */
  isDerived: boolean
  parent: number
}

/** A login with its refresh tokens, and those who use it. */
export interface Login {
  tokens: RefreshToken[]
  isMacKeyReplaced: boolean
  ended: 'revoked' | 'reused' | null
  /** Progress of the transaction that ends the login, as the deletion of its user does. */
  ending: 'no' | 'locked' | 'read' | 'done'
  /** Entries of access tokens: stored with the login, in a token that was issued, and with its bit set. */
  entries: { isStored: boolean; isIssued: boolean; isRevoked: boolean }[]
  clients: { holds: number; requestsLeft: number }[]
  /** The refresh of each client, at a process of its own; null while there is none. */
  refreshes: (Refresh | null)[]
}

/** Guards of the source. A variation of the model lacks one of them. */
export type RefreshGuard =
  | 'reuse is judged before anything else'
  | 'a used token does not expire'
  | 'a retry follows the family to its unused token'
  | 'a refresh is decided again once its token is used'
  | 'the login is locked before its token'
  | 'a rotation locks its login'
  | 'a further entry locks its login'
  | 'the successor is derived'
  | 'a retry within the grace period is no reuse'
  | 'only an unused token is rotated'

/** What goes wrong beside lost answers, crashes, and the end of the login. One of them at a time keeps the model small. */
export type RefreshHazard = 'a token expires' | 'the MAC key is replaced' | 'a request is wrong'

/** Number of requests of each client. */
const requests = [2, 1]

/** Returns the element at an index that exists. */
function at<T>(list: readonly T[], index: number | null): T {
  return list[index as number] as T
}

const newestOf = ({ tokens }: Login) => tokens.findLastIndex(({ state }) => state === 'unused')
const isEnding = ({ ending }: Login) => ending === 'locked' || ending === 'read'

/** Models one login that two clients (tabs, or a client and a thief) refresh at two processes, while it may be ended. */
export function modelRefreshRotation(hazard: RefreshHazard, omitted?: RefreshGuard): Model<Login> {
  const has = (guard: RefreshGuard) => guard !== omitted
  const isLoginFirst = has('the login is locked before its token')

  /** Whether a refresh has the row of the login locked (FOR SHARE). */
  function isSharing({ step }: Refresh): boolean {
    if (step === 'inserted') return has('a further entry locks its login')
    return has('a rotation locks its login') && (step === 'used' || (step === 'locked' && isLoginFirst))
  }
  const isShared = ({ refreshes }: Login) => refreshes.some((refresh) => refresh && isSharing(refresh))
  const isUsing = ({ step }: Refresh) => step === 'used' || (step === 'locked' && !isLoginFirst)
  const isTokenLocked = ({ refreshes }: Login, token: number) =>
    refreshes.some((refresh) => refresh?.presented === token && isUsing(refresh))

  /** Sets the bits of the entries that are stored: the trigger revoke_ended_logins. */
  function revokeEndedLogins({ entries }: Login): void {
    for (const entry of entries) entry.isRevoked ||= entry.isStored
  }

  function findRefreshToken(state: Login, refresh: Refresh): void {
    const token = at(state.tokens, refresh.presented)
    const isUsed = token.state !== 'unused'
    const isRefused =
      ((refresh.isWrong || state.ended !== null) &&
        (!isUsed || !has('reuse is judged before anything else'))) ||
      (token.isExpired && (!isUsed || !has('a used token does not expire')))
    refresh.step = isRefused ? 'answer' : isUsed ? 'follow' : 'rotate'
  }

  const familyLock = {
    name: 'rotateRefreshToken locks the login',
    waits: (state: Login) => isEnding(state) && has('a rotation locks its login'),
    succeeds: ({ ended }: Login) =>
      ended === null || !has('a refresh is decided again once its token is used'),
  }
  const tokenLock = {
    name: 'rotateRefreshToken uses the token',
    waits: (state: Login, { presented }: Refresh) => isTokenLocked(state, presented),
    succeeds({ tokens }: Login, { presented }: Refresh) {
      const { state, isExpired } = at(tokens, presented)
      return (state === 'unused' && !isExpired) || !has('only an unused token is rotated')
    },
  }
  const [firstLock, secondLock] = isLoginFirst ? [familyLock, tokenLock] : [tokenLock, familyLock]

  function commitEntry({ entries }: Login, refresh: Refresh): void {
    at(entries, refresh.entry).isStored = true
    refresh.step = 'settle'
  }
  function commitRotation(state: Login, refresh: Refresh): void {
    const token = at(state.tokens, refresh.presented)
    if (token.state === 'unused') token.state = 'used'
    const isDerived = has('the successor is derived')
    refresh.given =
      state.tokens.push({ state: 'unused', isExpired: false, isDerived, parent: refresh.presented }) - 1
    commitEntry(state, refresh)
  }
  function findDescendant(state: Login, refresh: Refresh): void {
    const found = has('a retry follows the family to its unused token')
      ? newestOf(state)
      : state.tokens.findIndex(({ parent }) => parent === refresh.presented)
    const isInGrace = at(state.tokens, refresh.presented).state === 'used'
    const isDerived = state.tokens.slice(refresh.presented + 1).every((token) => token.isDerived)
    if (state.ended !== null || !isInGrace || found < 0 || !isDerived) refresh.step = 'reuse'
    else if (refresh.isWrong) refresh.step = 'answer'
    else Object.assign(refresh, { given: found, step: 'store' })
  }
  function settlePlan(state: Login, refresh: Refresh): void {
    const { state: use, isExpired } = at(state.tokens, refresh.given)
    const isActive = state.ended === null && (use !== 'unused' || !isExpired)
    const isGranted = isActive || !has('a refresh is decided again once its token is used')
    if (isGranted) at(state.entries, refresh.entry).isIssued = true
    else refresh.given = null
    refresh.step = 'answer'
  }
  function revokeReusedFamily(state: Login, refresh: Refresh): void {
    const { state: use } = at(state.tokens, refresh.presented)
    const isReuse = use === 'spent' || (use === 'used' && !has('a retry within the grace period is no reuse'))
    if (isReuse && state.ended === null) {
      state.ended = 'reused'
      revokeEndedLogins(state)
    }
    refresh.step = 'answer'
  }

  function send(client: number, isWrong: boolean): Action<Login> {
    return {
      name: `client ${client} sends its token${isWrong ? ' with a wrong scope' : ''}`,
      isEnabled: ({ clients, refreshes }) =>
        at(refreshes, client) === null && at(clients, client).requestsLeft > 0,
      run(draft) {
        const sender = at(draft.clients, client)
        sender.requestsLeft -= 1
        draft.refreshes[client] = {
          presented: sender.holds,
          isWrong,
          entry: client * 2 + sender.requestsLeft,
          step: 'find',
          given: null,
          wasSpent: at(draft.tokens, sender.holds).state === 'spent',
          wasEnded: draft.ended !== null,
          newestBefore: newestOf(draft),
        }
      },
    }
  }

  /** A step of the process of a client, which waits for locks of others while `waits` is true. */
  function step(
    client: number,
    after: Refresh['step'],
    name: string,
    run: (draft: Login, refresh: Refresh) => void,
    waits: (state: Login, refresh: Refresh) => boolean = () => false,
  ): Action<Login> {
    return {
      name: `process ${client}: ${name}`,
      isEnabled(state) {
        const refresh = at(state.refreshes, client)
        return refresh?.step === after && !waits(state, refresh)
      },
      run: (draft) => run(draft, at(draft.refreshes, client) as Refresh),
    }
  }

  function lock(
    client: number,
    from: 'rotate' | 'locked',
    to: 'locked' | 'used',
    { name, waits, succeeds }: typeof tokenLock,
  ) {
    const take = (draft: Login, refresh: Refresh) => {
      refresh.step = succeeds(draft, refresh) ? to : 'follow'
    }
    return step(client, from, name, take, waits)
  }

  function actionsOf(client: number): Action<Login>[] {
    const isEndAwaited = (state: Login) => isEnding(state) && has('a further entry locks its login')
    const isAnyoneAwaited = (state: Login) => isEnding(state) || isShared(state)
    const insert = ({ ended }: Login, refresh: Refresh) => {
      refresh.step = ended === null ? 'inserted' : 'settle'
    }
    const receive = (draft: Login, { given }: Refresh) => {
      if (given !== null) at(draft.clients, client).holds = given
      draft.refreshes[client] = null
    }
    const lose = (draft: Login) => {
      draft.refreshes[client] = null
    }
    return [
      send(client, false),
      step(client, 'find', 'findRefreshToken', findRefreshToken),
      lock(client, 'rotate', 'locked', firstLock),
      lock(client, 'locked', 'used', secondLock),
      step(client, 'used', 'rotateRefreshToken commits', commitRotation),
      step(client, 'follow', 'findDescendant', findDescendant),
      step(client, 'store', 'storeEntry locks the login', insert, isEndAwaited),
      step(client, 'inserted', 'storeEntry commits', commitEntry),
      step(client, 'settle', 'settlePlan', settlePlan),
      step(client, 'settle', 'crashes', lose),
      step(client, 'reuse', 'revokeReusedFamily', revokeReusedFamily, isAnyoneAwaited),
      step(client, 'answer', 'the answer arrives', receive),
      step(client, 'answer', 'the answer is lost', lose),
    ]
  }

  return {
    initial: {
      tokens: [{ state: 'unused', isExpired: false, isDerived: false, parent: -1 }],
      isMacKeyReplaced: false,
      ended: null,
      ending: 'no',
      entries: [0, 1, 2].map(() => ({
        isStored: false,
        isIssued: false,
        isRevoked: false,
      })),
      clients: requests.map((requestsLeft) => ({ holds: 0, requestsLeft })),
      refreshes: [null, null],
    },
    actions: [
      ...requests.flatMap((_, client) => actionsOf(client)),
      ...(hazard === 'a request is wrong' ? [send(1, true)] : []),
      ...[0, 1, 2].map((token) => ({
        name: `the grace period of token ${token} ends`,
        isEnabled: ({ tokens }: Login) => tokens.findIndex(({ state }) => state === 'used') === token,
        run: (draft: Login) => {
          at(draft.tokens, token).state = 'spent'
        },
      })),
      {
        name: 'token 0 expires',
        isEnabled: ({ tokens }) => hazard === 'a token expires' && !at(tokens, 0).isExpired,
        run(draft) {
          at(draft.tokens, 0).isExpired = true
        },
      },
      {
        name: 'the MAC key is replaced',
        isEnabled: ({ isMacKeyReplaced }) => hazard === 'the MAC key is replaced' && !isMacKeyReplaced,
        run(draft) {
          draft.isMacKeyReplaced = true
          for (const token of draft.tokens) token.isDerived = false
        },
      },
      {
        name: 'the end locks the login',
        isEnabled: (state) => state.ending === 'no' && state.ended === null && !isShared(state),
        run(draft) {
          draft.ending = 'locked'
        },
      },
      {
        name: 'the end removes the tokens, and revoke_ended_logins reads their entries',
        isEnabled: (state) =>
          state.ending === 'locked' && !state.tokens.some((_, token) => isTokenLocked(state, token)),
        run(draft) {
          draft.ending = 'read'
          revokeEndedLogins(draft)
        },
      },
      {
        name: 'the end commits',
        isEnabled: ({ ending }) => ending === 'read',
        run(draft) {
          draft.ending = 'done'
          draft.ended = 'revoked'
        },
      },
    ],
    invariants,
    goals: {
      'nobody waits for a lock for ever': (state) =>
        state.refreshes.every((refresh) => !refresh) && !isEnding(state),
    },
  }
}

/** Makes an invariant of what holds of every answer. */
function ofAnswers(holds: (answer: Refresh, state: Login) => boolean) {
  return (state: Login) =>
    state.refreshes.every((refresh) => refresh?.step !== 'answer' || holds(refresh, state))
}

const invariants: Model<Login>['invariants'] = {
  'a login has at most one unused token': ({ tokens }) =>
    tokens.filter(({ state }) => state === 'unused').length <= 1,
  'an answer has a token that was unused during the request': ofAnswers(
    ({ given, newestBefore }) => given === null || given >= newestBefore,
  ),
  'a login that has ended yields no token': ofAnswers(({ given, wasEnded }) => given === null || !wasEnded),
  'a token that comes again after its grace period ends the login': ofAnswers(
    ({ wasSpent }, { ended }) => !wasSpent || ended !== null,
  ),
  'no other token ends the login': ({ ended, tokens }) =>
    ended !== 'reused' || tokens.some(({ state }) => state === 'spent'),
  'a retry within the grace period is granted': ofAnswers(
    ({ given, isWrong, presented }, { ended, tokens, isMacKeyReplaced }) =>
      given !== null ||
      isWrong ||
      isMacKeyReplaced ||
      ended !== null ||
      at(tokens, presented).state === 'spent' ||
      tokens.some(({ isExpired }) => isExpired),
  ),
  'every access token of a login that has ended has its bit set': ({ ended, entries }) =>
    ended === null || entries.every(({ isIssued, isRevoked }) => !isIssued || isRevoked),
}
