import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { fingerprint } from '../../src/auth/secrets.js'
import { postToken, startApp } from '../helpers/app.js'
import { type Action, explore } from './explorer.js'
import { type Login, modelRefreshRotation } from './refresh-rotation.js'

/** A login whose requests are handled one after the other. */
interface Sequence {
  login: Login
  /** Refresh token of the last answer; null for a refusal. */
  given: number | null
}

const { initial, actions } = modelRefreshRotation('a token expires')
const clients = [0, 1]
const answers = ['arrives', 'is lost'] as const
const nameOf = (client: number, answer: string) => `client ${client} refreshes, and the answer ${answer}`
const revocation = 'the login is revoked'
const expiry = 'token 0 expires'
const graceEnd = /^the grace period of token (\d) ends$/

/** Takes the first of some actions of the model that is enabled. Returns whether there was one. */
function takeFirst(login: Login, isChosen: (name: string) => boolean): boolean {
  const action = actions.find(({ name, isEnabled }) => isChosen(name) && isEnabled(login))
  action?.run(login)
  return action !== undefined
}

function refreshAlone(client: number, answer: string): Action<Sequence> {
  const isStep = (name: string) => name.startsWith(`process ${client}: `) && !/crashes|the answer/.test(name)
  return {
    name: nameOf(client, answer),
    isEnabled: ({ login }) => Number(login.clients[client]?.requestsLeft) > 0,
    run(draft) {
      const { login } = draft
      takeFirst(login, (name) => name === `client ${client} sends its token`)
      while (takeFirst(login, isStep));
      draft.given = login.refreshes[client]?.given ?? null
      takeFirst(login, (name) => name === `process ${client}: the answer ${answer}`)
    },
  }
}

const revoke: Action<Sequence> = {
  name: revocation,
  isEnabled: ({ login }) => login.ended === null,
  run({ login }) {
    while (takeFirst(login, (name) => name.startsWith('the end ')));
  },
}

const alone: Action<Sequence>[] = [
  ...clients.flatMap((client) => answers.map((answer) => refreshAlone(client, answer))),
  revoke,
  ...actions
    .filter(({ name }) => name === expiry || graceEnd.test(name))
    .map(({ name, isEnabled, run }) => ({
      name,
      isEnabled: ({ login }: Sequence) => isEnabled(login),
      run: ({ login }: Sequence) => run(login),
    })),
]

/** Returns the shortest sequences of steps that lead through every state, without those that begin others. */
function listSequences(): string[][] {
  const sequences: string[][] = []
  const model = { initial: { login: initial, given: null }, actions: alone, invariants: {} }
  explore(model, 5_000, (_, trace) => sequences.push(trace().map((line) => line.replace(/^\d+\. /, ''))))
  const beginnings = new Set(sequences.map((sequence) => sequence.slice(0, -1).join()))
  return sequences.filter((sequence) => !beginnings.has(sequence.join()))
}

/** Takes the steps of a sequence in the service, and compares each answer, and whether the login has ended, with the model. */
async function compare(app: FastifyInstance, sequence: readonly string[]): Promise<string | null> {
  const first = await postToken(app, { grant_type: 'password', username: 'johndoe', password: 'secret' })
  const tokens = [first.json<{ refresh_token: string }>().refresh_token]
  const held = [...tokens, ...tokens] as string[]
  const state: Sequence = structuredClone({ login: initial, given: null })
  for (const name of sequence) {
    alone.find((action) => action.name === name)?.run(state)
    const client = clients.find((one) => name.startsWith(`client ${one} `))
    if (client === undefined) await disturb(app, name, tokens)
    else {
      const response = await postToken(app, {
        grant_type: 'refresh_token',
        refresh_token: String(held[client]),
      })
      const given = response.json<{ refresh_token?: string }>().refresh_token ?? null
      if (given !== null && state.given === tokens.length) tokens.push(given)
      if (given !== (state.given === null ? null : tokens[state.given]))
        return `${name} of: ${sequence.join(', ')}`
      if (given !== null && name === nameOf(client, 'arrives')) held[client] = given
    }
  }
  const [token] = await app.database.refreshToken.findMany({
    where: { fingerprint: new Uint8Array(fingerprint(String(tokens[0]))) },
    include: { family: true },
  })
  const hasEnded = token?.family.revokedAt !== null
  return hasEnded === (state.login.ended !== null) ? null : `the end of: ${sequence.join(', ')}`
}

/** Lets something happen beside the requests. */
async function disturb(app: FastifyInstance, name: string, tokens: readonly string[]): Promise<void> {
  const at = (index: number) => new Uint8Array(fingerprint(String(tokens[index])))
  const spent = graceEnd.exec(name)?.[1]
  if (name === revocation) {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    await app.inject({ method: 'POST', url: '/revoke', headers, payload: `token=${tokens[0]}` })
  } else if (spent !== undefined)
    await app.database.$executeRaw`
      UPDATE refresh_tokens SET used_at = used_at - interval '61 seconds' WHERE fingerprint = ${at(Number(spent))}`
  else
    await app.database.$executeRaw`
      UPDATE refresh_tokens SET expires_at = now() - interval '1 second' WHERE fingerprint = ${at(0)}`
}

t.test('the service answers each sequence of refreshes as the model does', async (t) => {
  const app = await startApp(t, { REFRESH_TOKEN_GRACE_SECONDS: '60' })
  const sequences = listSequences()
  const differences = []
  for (const sequence of sequences) differences.push(await compare(app, sequence))
  t.same(
    differences.filter((difference) => difference !== null),
    [],
  )
  t.comment(`${sequences.length} sequences`)
})
