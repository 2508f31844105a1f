import { createHmac } from 'node:crypto'
import { type CaseRequest, type TokenRecipe, unknownMembers } from './cases.js'
import { editToken } from './edit.js'
import type { RawRequest } from './exchange.js'
import { encodeJson } from './json-text.js'

const REQUEST_MEMBERS = ['method', 'target', 'headers', 'body', 'bodyBase64', 'chunked', 'token']
const PART_MEMBERS = ['header', 'headerText', 'headerBase64', 'payload', 'payloadText', 'payloadBase64']
const RECIPE_MEMBERS = [...PART_MEMBERS, 'hash', 'key', 'edit']
const MINT_ATTEMPTS = 300

/** Replaces `{token}` and `{a*8000}` in every place they may stand in; the rest is kept as it is written. */
export function buildRequest(request: CaseRequest, token: string | undefined): RawRequest {
  refuseUnknown(request, REQUEST_MEMBERS)
  const expand = (text: string) => expandPlaceholders(text, token)
  const headers = Object.entries(request.headers ?? {}).flatMap(([name, value]) =>
    [value].flat().map((single): [string, string] => [name, expand(single)]),
  )
  return {
    method: request.method,
    target: expand(request.target),
    headers,
    body: bodyBytes(request, expand),
    chunked: request.chunked === true,
  }
}

/** Makes the token a recipe describes; `login` answers with a user's access token. */
export async function makeToken(
  recipe: TokenRecipe,
  secret: string,
  login: (username: string, password: string) => Promise<string>,
): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const edit = recipe.edit ?? {}
  if (recipe.login) {
    refuseUnknown(recipe, ['login', 'edit'])
    return editToken(await login(recipe.login.username, recipe.login.password), edit, now)
  }
  refuseUnknown(recipe, RECIPE_MEMBERS)
  const token = edit.standardAlphabet
    ? mintWithBothSymbols(recipe, secret, now)
    : mint(recipe, secret, now, 0)
  return editToken(token, edit, now)
}

function mint(recipe: TokenRecipe, secret: string, now: number, spaces: number): string {
  const payload = Buffer.concat([payloadBytes(recipe, now), Buffer.alloc(spaces, ' ')])
  const signed = `${headerBytes(recipe, now).toString('base64url')}.${payload.toString('base64url')}`
  const key = keyBytes(recipe, secret)
  const signature =
    key &&
    createHmac(recipe.hash ?? 'sha256', key)
      .update(signed)
      .digest('base64url')
  return `${signed}.${signature ?? ''}`
}

// Spaces after the payload change the signature and leave the claims alone.
function mintWithBothSymbols(recipe: TokenRecipe, secret: string, now: number): string {
  for (let spaces = 0; spaces < MINT_ATTEMPTS; spaces += 1) {
    const token = mint(recipe, secret, now, spaces)
    const signature = token.slice(token.lastIndexOf('.') + 1)
    if (signature.includes('-') && signature.includes('_')) return token
  }
  throw new Error('no signature with both - and _')
}

function headerBytes(recipe: TokenRecipe, now: number): Buffer {
  if (recipe.headerBase64 !== undefined) return Buffer.from(recipe.headerBase64, 'base64')
  if (recipe.headerText !== undefined) return Buffer.from(expandNow(recipe.headerText, now))
  return encodeJson('header' in recipe ? recipe.header : { alg: 'HS256', typ: 'JWT' }, now)
}

function payloadBytes(recipe: TokenRecipe, now: number): Buffer {
  if (recipe.payloadBase64 !== undefined) return Buffer.from(recipe.payloadBase64, 'base64')
  if (recipe.payloadText !== undefined) return Buffer.from(expandNow(recipe.payloadText, now))
  if ('payload' in recipe) return encodeJson(recipe.payload, now)
  throw new Error('a token recipe needs a login or a payload')
}

function keyBytes(recipe: TokenRecipe, secret: string): Buffer | null {
  if (recipe.key === undefined) return Buffer.from(secret)
  if (recipe.key === null) return null
  return 'text' in recipe.key ? Buffer.from(recipe.key.text) : Buffer.from(secret, recipe.key.decoded)
}

function expandNow(text: string, now: number): string {
  return text.replace(/<now([+-]\d+(?:\.\d+)?)?>/g, (_, offset: string | undefined) =>
    String(now + Number(offset ?? 0)),
  )
}

function expandPlaceholders(text: string, token: string | undefined): string {
  return text.replace(
    /\{token\}|\{([A-Za-z])\*(\d+)\}/g,
    (found, letter: string | undefined, count: string) => {
      if (letter !== undefined) return letter.repeat(Number(count))
      return token ?? found
    },
  )
}

function bodyBytes(request: CaseRequest, expand: (text: string) => string): Buffer | undefined {
  if (request.bodyBase64 !== undefined) return Buffer.from(request.bodyBase64, 'base64')
  return request.body === undefined ? undefined : Buffer.from(expand(request.body))
}

function refuseUnknown(value: object, known: readonly string[]): void {
  const unknown = unknownMembers(value, known)
  if (unknown.length > 0) throw new Error(`a recipe nobody implements: ${unknown.join(', ')}`)
}
