import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { tokenVerifier, VerificationError } from '../../packages/verify/src/index.js'
import { startIssuer } from './issuer.js'
import { checkVerdicts } from './judge.js'
import { recipeOf } from './recipes.js'
import { createTokens } from './tokens.js'

/** Returns the subject of a token. */
type Verify = (token: string) => Promise<string>

/** The module that the recipe for jose makes. */
interface Recipe {
  createVerifier: (issuer: string, audience: string) => (token: string) => Promise<{ sub: string }>
}

const issuer = await startIssuer(t)
const tokens = createTokens(issuer)

t.test('jose accepts the good tokens and refuses the bad ones', async (t) => {
  const recipe = join(t.testdir({ 'recipe.mjs': recipeOf('JavaScript') }), 'recipe.mjs')
  const { createVerifier } = (await import(pathToFileURL(recipe).href)) as Recipe
  const subjects = await judgeTokens(
    (audience) => {
      const verify = createVerifier(issuer.origin, audience)
      return async (token) => (await verify(token)).sub
    },
    (error) => /^ERR_J(OSE|W)/.test((error as { code?: string }).code ?? ''),
  )
  checkVerdicts(t, { tokens }, subjects)
})

t.test('@latchkey/verify accepts the good tokens and refuses the bad ones with 401', async (t) => {
  const subjects = await judgeTokens(
    (audience) => {
      const verify = tokenVerifier({ issuer: issuer.origin, audience })
      return async (token) => (await verify(`Bearer ${token}`)).subject
    },
    (error) => error instanceof VerificationError && error.status === 401,
  )
  checkVerdicts(t, { tokens }, subjects)
})

/**
 * Returns the subject of each token, or null for one that is refused.
 *
 * @param create creates the verifier of a service by its audience
 * @param isRefusal whether an error says that the token is refused; others are thrown
 */
async function judgeTokens(
  create: (audience: string) => Verify,
  isRefusal: (error: Error) => boolean,
): Promise<(string | null)[]> {
  const verifiers = new Map<string, Verify>()
  const subjects: (string | null)[] = []
  for (const { audience, token } of tokens) {
    const verify = verifiers.get(audience) ?? create(audience)
    verifiers.set(audience, verify)
    const refuse = (error: Error) => {
      if (!isRefusal(error)) throw error
      return null
    }
    subjects.push(await verify(token).catch(refuse))
  }
  return subjects
}
