import { randomBytes } from 'node:crypto'
import type { Database } from '../database/index.js'

/** Names the lock under which the first signing key is made. */
const signingKeyLock = 0x1a7c4e02

/** The secret that signs access tokens, made at the first start and shared by all replicas ever after. */
export async function loadSigningSecret(database: Database): Promise<Buffer> {
  const secret = await database.$transaction(async (transaction) => {
    await transaction.$executeRaw`SELECT pg_advisory_xact_lock(${signingKeyLock})`
    const key =
      (await transaction.signingKey.findFirst({ orderBy: { createdAt: 'desc' } })) ??
      (await transaction.signingKey.create({ data: { algorithm: 'HS256', secret: randomBytes(32) } }))
    return key.secret
  })
  return Buffer.from(secret)
}
