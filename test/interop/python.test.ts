import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { logIn } from '../helpers/app.js'
import { issuer, listen } from './server.js'

const python = process.env.PYTHON_PATH ?? '/usr/bin/python3'
const run = promisify(execFile)

const verifiers = {
  authlib: `
import json, sys
from authlib.jose import JsonWebKey, jwt
keys, token = json.loads(sys.argv[1]), sys.argv[2]
claims = jwt.decode(token, JsonWebKey.import_key_set(keys), claims_options={"iss": {"value": sys.argv[3]}})
claims.validate()
print(json.dumps(dict(claims)))`,
  jwcrypto: `
import json, sys
from jwcrypto import jwk, jwt
keys = jwk.JWKSet.from_json(sys.argv[1])
token = jwt.JWT(jwt=sys.argv[2], key=keys, algs=["ES256", "RS256"], check_claims={"iss": sys.argv[3], "aud": sys.argv[3]})
print(token.claims)`,
}

for (const [name, program] of Object.entries(verifiers)) {
  const isMissing = spawnSync(python, ['-c', `import ${name}`]).status !== 0
  const skip = isMissing && `${python} has no ${name}: Debian's python3-${name} brings it`
  t.test(`${name}, in Python, verifies the tokens with the published keys`, { skip }, async (t) => {
    for (const algorithm of ['ES256', 'RS256']) {
      const { app, origin } = await listen(t, { SIGNING_ALGORITHM: algorithm })
      const token = await logIn(app, 'johndoe', 'secret')
      const keys = await (await fetch(`${origin}/.well-known/jwks.json`)).text()
      const { stdout } = await run(python, ['-c', program, keys, token, issuer])
      t.match(JSON.parse(stdout), { sub: 'johndoe', client_id: 'first-party' }, algorithm)
      const forged = token.replace(/.{4}$/, (end) => (end === 'AAAA' ? 'BBBB' : 'AAAA'))
      await t.rejects(run(python, ['-c', program, keys, forged, issuer]))
    }
  })
}
