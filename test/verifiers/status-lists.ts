import { deflateSync } from 'node:zlib'
import { decode, postTo, reports } from '../conformance/server.js'
import { now, signJwt } from '../helpers/assertions.js'
import { decodeList } from '../helpers/status-lists.js'
import { until } from '../helpers/wait.js'
import { type Issuer, resource } from './issuer.js'

/** A status claim, and what a verifier must make of it. */
export interface JudgedStatus {
  name: string
  entry: { idx: number; uri: string }
  /** Null if the claim or its list must be refused. */
  isRevoked: boolean | null
}

/** Number of statuses in a list. */
const length = 2 ** 20

/** Lets an issuer serve status lists of every kind, and returns statuses in them. */
export function createStatuses(issuer: Issuer): JudgedStatus[] {
  const bits = Buffer.alloc(length / 8)
  bits[0] = 0b0000_0010
  bits[length / 8 - 1] = 0b1000_0000
  const good = serveList(issuer, 'good', bits)
  const statuses: [name: string, uri: string, idx: number, isRevoked: boolean | null][] = [
    ['the first is valid', good, 0, false],
    ['the second is revoked', good, 1, true],
    ['one in the middle is valid', good, length / 2, false],
    ['the last but one is valid', good, length - 2, false],
    ['the last is revoked', good, length - 1, true],
    ['one beyond the end', good, length, null],
    ['one before the beginning', good, -1, null],
    ['a list of another origin', good.replace('127.0.0.1', 'localhost'), 0, null],
    ['a list of another path', `${issuer.origin}/other`, 0, null],
    [
      'a list with the type of access tokens',
      serveList(issuer, 'token', bits, {}, { typ: 'at+jwt' }),
      0,
      null,
    ],
    ['a list of another name', serveList(issuer, 'name', bits, { sub: good }), 0, null],
    ['a list without a name', serveList(issuer, 'nameless', bits, { sub: undefined }), 0, null],
    ['a list that has expired', serveList(issuer, 'old', bits, { exp: now() - 60 }), 0, null],
    ['a list that never expires', serveList(issuer, 'for-ever', bits, { exp: undefined }), 0, null],
    ['a list with an unknown key', serveList(issuer, 'stranger', bits, {}, { kid: 'unknown' }), 0, null],
    ['a list that grows beyond its size', serveList(issuer, 'bomb', Buffer.alloc(2 ** 27)), length, null],
  ]
  return statuses.map(([name, uri, idx, isRevoked]) => ({ name, entry: { idx, uri }, isRevoked }))
}

/** Revokes one of the tokens that the service issued to users, and returns their statuses once its list shows that. */
export async function revokeOne({ app, tokens }: Issuer): Promise<JudgedStatus[]> {
  const ofUsers = tokens.filter(({ isOfClient, audience }) => !isOfClient && audience === resource)
  const statuses = ofUsers.map(({ algorithm, token }) => {
    const { status } = decode(token, 1) as { status: { status_list: JudgedStatus['entry'] } }
    const isRevoked = algorithm === 'RS256'
    return {
      name: isRevoked ? 'a revoked token' : 'another token',
      entry: status.status_list,
      isRevoked,
      token,
    }
  })
  for (const { token, entry, isRevoked } of statuses) {
    if (!isRevoked) continue
    await postTo(app, '/revoke', { ...reports, token })
    await until(async () => {
      const list = await app.inject(new URL(entry.uri).pathname)
      return list.statusCode === 200 && decodeList(list.body).revoked().includes(entry.idx)
    })
  }
  return statuses
}

/** Lets an issuer serve a list, and returns its URI. */
function serveList(issuer: Issuer, id: string, bits: Buffer, changes: object = {}, header: object = {}) {
  const uri = `${issuer.origin}/status-lists/${id}`
  const { privateKey, publicJwk } = issuer.keys.ES256
  const lst = deflateSync(bits).toString('base64url')
  const claims = { sub: uri, iat: now(), exp: now() + 600, ttl: 3, status_list: { bits: 1, lst }, ...changes }
  const typed = { alg: 'ES256', typ: 'statuslist+jwt', kid: publicJwk.kid, ...header }
  issuer.pages.set(`/status-lists/${id}`, signJwt(typed, claims, privateKey))
  return uri
}
