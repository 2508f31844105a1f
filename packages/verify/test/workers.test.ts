import t from 'tap'
import { createSignal, start, urls } from './helpers/verifier.js'

t.test('on Workers no request waits for the fetch of another one, which may have ended', async (t) => {
  const workers = { value: { userAgent: 'Cloudflare-Workers' }, configurable: true }
  t.intercept(globalThis as { navigator?: unknown }, 'navigator', workers)
  const { verify, bearer, answer, issuer, count } = await start({ checkStatus: false, jwksUri: urls.jwks })
  const header = await bearer()
  const { promise: opened, resolve: open } = createSignal()
  answer(urls.jwks, async () => {
    await opened
    return issuer.fetch(urls.jwks)
  })
  const lost = verify(header)
  answer(urls.jwks, null)
  t.ok(await verify(header))
  open()
  t.ok(await lost)
  t.equal(count(urls.jwks), 3)
})
