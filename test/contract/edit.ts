import { encodeJson } from './json-text.js'

type Edit = (token: string, value: unknown, now: number) => string

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

const EDITS: Record<string, Edit> = {
  flip: (token) =>
    onSignature(token, (signature) => (signature.startsWith('A') ? 'B' : 'A') + signature.slice(1)),
  cut: (token, count) =>
    onSignature(token, (signature) => signature.slice(0, Math.max(0, signature.length - asNumber(count)))),
  insert: (token, text) => token.slice(0, -5) + asText(text) + token.slice(-5),
  append: (token, text) => token + asText(text),
  unusedBits: (token) => onSignature(token, changeUnusedBits),
  standardAlphabet: (token) => onSignature(token, toStandardAlphabet),
  payload: (token, payload, now) => onPayload(token, () => encodeJson(payload, now).toString('base64url')),
  payloadInsert: (token, text) => onPayload(token, (payload) => payload + asText(text)),
  dropSignature: (token, how) => token.slice(0, token.lastIndexOf('.') + (how === 'with dot' ? 0 : 1)),
}

/** Damages a finished token with every edit named, in the order they are written. */
export function editToken(token: string, edits: Record<string, unknown>, now: number): string {
  return Object.entries(edits).reduce((edited, [name, value]) => {
    const edit = EDITS[name]
    if (edit === undefined) throw new Error(`an edit nobody implements: ${name}`)
    return edit(edited, value, now)
  }, token)
}

function onSignature(token: string, change: (signature: string) => string): string {
  const start = token.lastIndexOf('.') + 1
  return token.slice(0, start) + change(token.slice(start))
}

function onPayload(token: string, change: (payload: string) => string): string {
  const [header = '', payload = '', ...rest] = token.split('.')
  return [header, change(payload), ...rest].join('.')
}

function changeUnusedBits(signature: string): string {
  const last = ALPHABET.indexOf(signature.slice(-1))
  return signature.slice(0, -1) + ALPHABET.charAt(last ^ 0b11)
}

function toStandardAlphabet(signature: string): string {
  if (!/[-_]/.test(signature)) throw new Error('standardAlphabet would not change this signature')
  return signature.replaceAll('-', '+').replaceAll('_', '/')
}

function asText(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError(`an edit needs a text, not ${JSON.stringify(value)}`)
  return value
}

function asNumber(value: unknown): number {
  if (typeof value !== 'number') throw new TypeError(`an edit needs a number, not ${JSON.stringify(value)}`)
  return value
}
