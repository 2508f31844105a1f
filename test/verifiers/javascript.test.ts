import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { startIssuer } from './issuer.js'
import { checkVerdicts } from './judge.js'
import { recipeOf } from './recipes.js'
import { createTokens } from './tokens.js'

type Verify = (token: string) => Promise<{ sub: string }>
interface Recipe {
  createVerifier: (issuer: string, audience: string) => Verify
}

t.test('jose', async (t) => {
  const issuer = await startIssuer(t)
  const tokens = createTokens(issuer)
  const recipe = join(t.testdir({ 'recipe.mjs': recipeOf('JavaScript') }), 'recipe.mjs')
  const { createVerifier } = (await import(pathToFileURL(recipe).href)) as Recipe
  const verifiers = new Map(
    tokens.map(({ audience }) => [audience, createVerifier(issuer.origin, audience)] as const),
  )
  const subjects: (string | null)[] = []
  for (const { audience, token } of tokens) {
    const verified = verifiers.get(audience)?.(token) ?? Promise.reject(new Error(audience))
    subjects.push(
      await verified.then(
        ({ sub }) => sub,
        () => null,
      ),
    )
  }
  checkVerdicts(t, { tokens }, subjects)
})
