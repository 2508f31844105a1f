import { readFile } from 'node:fs/promises'

/** How a case's token comes about: a log-in, or a JWS to mint. */
export interface TokenRecipe {
  login?: Credentials
  header?: unknown
  headerText?: string
  headerBase64?: string
  payload?: unknown
  payloadText?: string
  payloadBase64?: string
  hash?: string
  key?: { text: string } | { decoded: 'hex' } | null
  edit?: Record<string, unknown>
}

/** What a user logs in with. */
interface Credentials {
  username: string
  password: string
}

/** The request of a case, placeholders and all. */
export interface CaseRequest {
  method: string
  target: string
  headers?: Record<string, string | string[]>
  body?: string
  bodyBase64?: string
  chunked?: boolean
  token?: TokenRecipe
}

/** What the answer to a case has to look like. */
export interface Expectation {
  status?: number
  statusIn?: number[]
  headers?: Record<string, unknown>
  json?: unknown
  extra?: string[]
  bodyIncludes?: string[]
  jsonPointers?: Record<string, unknown>
}

interface Contract {
  setup: { env: Record<string, string> & { JWT_SECRET: string } }
  cases: { id: string; why: string; request: CaseRequest; expect: Expectation }[]
}

/** Reads the recorded cases and the environment they need. */
export async function loadContract(): Promise<Contract> {
  return JSON.parse(await readFile(new URL('tutorial.json', import.meta.url), 'utf8')) as Contract
}

/** Tells a JSON object from arrays, null and scalars. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The members of `value` that are not in `known`, so that a case cannot ask for something nobody checks. */
export function unknownMembers(value: object, known: readonly string[]): string[] {
  return Object.keys(value).filter((name) => !known.includes(name))
}
