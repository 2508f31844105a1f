import { createPrivateKey } from 'node:crypto'
import { availableParallelism } from 'node:os'
import bcrypt from 'bcrypt'
import { claimsFor } from '#dist/src/auth/access-token.js'
import { generateRingKey, toPem } from '#dist/src/auth/keys/generate.js'
import { ringKey } from '#dist/src/auth/keys/jwt.js'
import { fingerprint, successorOf } from '#dist/src/auth/secrets.js'
import { createRefreshTokenFinder, rotateRefreshToken } from '#dist/src/auth/store/refresh-tokens.js'
import { readConfig } from '#dist/src/config/index.js'
import { openDatabase } from '#dist/src/database/client.js'

// Measures how often per second the unavoidable work of a kind of request can be done, with no other work beside it.

/** @type {{ work: 'bcrypt' | 'signing' | 'refresh', seconds: number, databaseUrl: string, tokens: string[] }} */
const { work, seconds, databaseUrl, tokens } = JSON.parse(process.argv[2] ?? '')

const limits = { bcrypt: limitOfBcrypt, signing: limitOfSigning, refresh: limitOfRefresh }
process.stdout.write(JSON.stringify(await limits[work]()))

async function limitOfBcrypt() {
  const hash = await bcrypt.hash('secret', 12)
  const cores = Array.from({ length: availableParallelism() })
  return measure(cores.map(() => () => bcrypt.compare('secret', hash)))
}

async function limitOfSigning() {
  const { privateKey, publicJwk } = await generateRingKey('ES256')
  const opened = createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' })
  const key = await ringKey(publicJwk.kid, 'ES256', toPem(publicJwk), opened)
  const grant = { sub: 'client:bench', clientId: 'bench', scope: 'items:read', gen: 0 }
  const issuer = { iss: 'https://latchkey.example.com', aud: 'https://latchkey.example.com' }
  return measure([async () => key.sign(claimsFor(grant, issuer, publicJwk.kid, Date.now() / 1000, 1800))])
}

/** Executes the statements of a refresh, as many at once as there are tokens. */
async function limitOfRefresh() {
  const config = readConfig({})
  const database = openDatabase(config, databaseUrl)
  const key = Buffer.alloc(32, 'bench')
  const chains = tokens.map((first) => {
    // One for each chain, so that no reads are combined.
    const findRefreshToken = createRefreshTokenFinder(database)
    let token = first
    return async function refresh() {
      const next = successorOf(token, key)
      const successor = { token: fingerprint(next), entry: null, ttlSeconds: 1800 }
      await findRefreshToken(fingerprint(token))
      const rotated = await rotateRefreshToken(fingerprint(token), successor, config, database)
      if (!rotated) throw new Error('a refresh token was not rotated')
      token = next
    }
  })
  return measure(chains).finally(() => database.$disconnect())
}

/**
 * Returns the number of jobs per second and the CPU time of each (microseconds). Jobs that were started count, and the
 * time ends with the last one.
 *
 * @param {(() => Promise<unknown>)[]} jobs run side by side, each of them repeatedly
 */
async function measure(jobs) {
  const began = performance.now()
  const usedBefore = process.cpuUsage()
  const end = began + seconds * 1000
  let done = 0
  await Promise.all(
    jobs.map(async (job) => {
      for (; performance.now() < end; done++) await job()
    }),
  )
  const { user, system } = process.cpuUsage(usedBefore)
  return { rate: done / ((performance.now() - began) / 1000), requests: done, cpu: (user + system) / done }
}
