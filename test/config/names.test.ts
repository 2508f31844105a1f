import t from 'tap'
import { loadConfig } from '../../src/config/index.js'
import { commonNames, noticeUnknownNames } from '../../src/config/names.js'
import { type SettingName, Settings } from '../../src/config/settings/index.js'
import { distanceBetween } from '../../src/config/similar-names.js'
import { OperatorError } from '../../src/lifecycle/operator-error.js'

const names = Object.keys(Settings.properties) as SettingName[]

function refusalOf(environment: NodeJS.ProcessEnv): string | null {
  try {
    loadConfig(environment)
    return null
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    return error.message
  }
}

t.test('a name that can only be meant for Latchkey is refused, with what was meant', async (t) => {
  for (const [name, hint] of [
    ['JWT_SECRTE', 'did you mean JWT_SECRET?'],
    ['BCRYPT_COSTS', 'did you mean BCRYPT_COST?'],
    ['LATCHKEY_JWT_SECRET', 'did you mean JWT_SECRET?'],
    ['LATCHKEY_PORT', 'did you mean PORT?'],
    ['DATABASE_POOL_MAX', 'did you mean DATABASE_POOL_SIZE?'],
    ['DATA_DIR', 'did you mean DATA_DIRECTORY?'],
    ['LOGIN_FAILURE_PER_ACCOUNT', 'did you mean LOGIN_FAILURES_PER_ACCOUNT?'],
    ['KEY_ENCRYPTION_KEY', 'did you mean KEY_ENCRYPTION_SECRET?'],
    ['REFRESH_TOKEN_EXPIRE_DAYS', 'did you mean REFRESH_TOKEN_EXPIRE_MINUTES?'],
    ['SMTP_PORT', 'SMTP_URL holds host, port, user and password of the mail server'],
    ['SMTP_HOST', 'SMTP_URL holds host, port, user and password of the mail server'],
    ['JWT_SECRET_KEY', 'JWT_SECRET is the shared secret that signs tokens'],
    ['GUESSES_PER_X', ''],
    ['LATCHKEY_PASSWORD', ''],
  ] as const)
    t.equal(
      refusalOf({ [name]: 'canary' }),
      `unknown setting ${name}${hint && `: ${hint}`} (docs/configuration.md lists all settings)`,
    )
  t.equal(refusalOf({ JWT_SECRTE: '' }), null, 'an empty variable counts as not set')
})

t.test('a name of any characters and any length is one line', async (t) => {
  for (const [name, shown] of [
    [`JWT_${'X'.repeat(100_000)}`, `JWT_${'X'.repeat(56)}`],
    ['LATCHKEY_', 'LATCHKEY_'],
    ['JWT_\n\x1b[2Kfine', 'JWT_??[2Kfine'],
  ] as const)
    t.equal(
      refusalOf({ [name]: 'canary' }),
      `unknown setting ${shown} (docs/configuration.md lists all settings)`,
    )
})

t.test('a misspelt setting is refused, unless it is set as well', async (t) => {
  for (const [name, setting, value] of [
    ['ISSUR', 'ISSUER', 'https://latchkey.example.com'],
    ['NODE_EVN', 'NODE_ENV', 'development'],
    ['DATABASE_URI', 'DATABASE_URL', 'postgres://localhost/x'],
    ['database_url', 'DATABASE_URL', 'postgres://localhost/x'],
    ['DATABASE_URL ', 'DATABASE_URL', 'postgres://localhost/x'],
    ['BCYRPT_COST', 'BCRYPT_COST', '12'],
    ['REGISTRTION', 'REGISTRATION', 'open'],
    ['KEYENCRYPTION_SECRET', 'KEY_ENCRYPTION_SECRET', 'a secret of more than thirty-two characters'],
  ] as const) {
    t.equal(
      refusalOf({ [name]: value }),
      `unknown setting ${name.replace(' ', '?')}: did you mean ${setting}?`,
    )
    t.equal(refusalOf({ [name]: value, [setting]: value }), null)
  }
})

t.test('so is the name of a file with a secret', async (t) => {
  const misspelt = { DATABASE_URL_FIL: '/x' }
  t.equal(refusalOf(misspelt), 'unknown setting DATABASE_URL_FIL: did you mean DATABASE_URL_FILE?')
  t.equal(refusalOf({ ...misspelt, DATABASE_URL: 'postgres://localhost/x' }), null)
})

t.test('every setting that lacks a letter, or has two of them swapped, is refused or noticed', async (t) => {
  for (const name of names)
    for (const typo of [
      name.slice(0, -2) + name.slice(-1),
      name.slice(0, -2) + name.slice(-1) + name.slice(-2, -1),
      `${name}${name.slice(-1)}`,
      name.toLowerCase(),
    ]) {
      if (names.includes(typo as SettingName)) continue
      const refusal = refusalOf({ [typo]: 'x' })
      const said = refusal ?? noticeUnknownNames({ [typo]: 'x' }).join()
      t.ok(said.includes(`${typo}`) && said.includes(name), `${typo}: ${said}`)
      t.equal(refusal === null, commonNames.includes(name), typo)
    }
})

t.test('what may belong to another program is noticed, unless the setting is set', async (t) => {
  for (const [name, notice] of [
    ['PORTT', 'did you mean PORT?'],
    ['host', 'did you mean HOST?'],
    ['LOG_LEVL', 'did you mean LOG_LEVEL?'],
    ['SECRET_KEY', 'JWT_SECRET is the shared secret that signs tokens'],
    ['ALGORITHM', 'JWT_SECRET signs with HS256, and without it SIGNING_ALGORITHM is used'],
    ['POSTGRES_SERVER', 'DATABASE_URL holds host, port, user, password and database'],
    ['BACKEND_CORS_ORIGINS', 'CORS_ORIGINS has this purpose'],
  ] as const) {
    t.equal(refusalOf({ [name]: 'x' }), null)
    t.same(noticeUnknownNames({ [name]: 'x' }), [`${name} is not a setting of Latchkey: ${notice}`])
  }
  t.same(noticeUnknownNames({ SECRET_KEY: 'x', JWT_SECRET_FILE: '/run/secrets/jwt' }), [])
  t.same(noticeUnknownNames({ PORTT: '1', PORT: '1' }), [])
  t.equal(
    refusalOf({ DATABASE_PUBLIC_URL: 'postgres://db.example.com/x', PATH: '/bin', HOSTNAME: 'x' }),
    null,
  )
})

t.test('only secrets are read from files', async (t) => {
  for (const name of ['PORT', 'ISSUER', 'BCRYPT_COST'])
    t.equal(
      refusalOf({ [`${name}_FILE`]: '/run/secrets/x' }),
      `unknown setting ${name}_FILE: ${name} cannot be read from a file`,
    )
})

t.test('a former name is refused with the new one, unless it is empty', async (t) => {
  for (const scope of ['ACCOUNT_AND_NETWORK', 'NETWORK', 'ACCOUNT']) {
    const former = `GUESSES_PER_${scope}`
    t.equal(refusalOf({ [former]: '5' }), `${former} was renamed: set LOGIN_FAILURES_PER_${scope} instead`)
    t.equal(refusalOf({ [former]: '' }), null)
  }
})

t.test('service links of Kubernetes are ignored, whatever the name of the service', async (t) => {
  const services = [
    'LATCHKEY',
    'LATCHKEY_DB',
    'MAIL',
    'SMTP',
    'JWT_ISSUER',
    'CORS_PROXY',
    'EVENT_BUS',
    'PORT',
  ]
  const links = [
    ...['SERVICE_HOST', 'PORT_587_TCP_ADDR', 'PORT_53_UDP_ADDR'].map((link) => [link, '10.0.0.1']),
    ...['SERVICE_PORT', 'SERVICE_PORT_HTTP', 'PORT_587_SCTP_PORT'].map((link) => [link, '587']),
    ...['PORT', 'PORT_587_TCP'].map((link) => [link, 'tcp://10.0.0.1:587']),
    ['PORT', 'udp://[fd00::1]:53'],
    ['PORT_53_UDP_PROTO', 'udp'],
  ]
  for (const service of services)
    for (const [link, value] of links) {
      const environment = { [`${service}_${link}`]: value }
      t.equal(refusalOf(environment), null, JSON.stringify(environment))
      t.same(noticeUnknownNames(environment), [], JSON.stringify(environment))
    }
  for (const mistake of ['MAIL_SERVICE', 'SMTP_PORTS', 'SMTP_PORT', 'MAIL_PORT_587', 'MAIL_PORT_587_HTTP'])
    t.match(refusalOf({ [mistake]: '587' }), /^unknown setting/, mistake)
  t.match(refusalOf({ PORT: 'tcp://10.0.0.1:80' }), /^PORT must be an integer from 0 to 65535$/)
})

t.test('the distance between names counts inserted, deleted, replaced and swapped characters', async (t) => {
  for (const [a, b, distance] of [
    ['', '', 0],
    ['', 'ab', 2],
    ['port', 'port', 0],
    ['prot', 'port', 1],
    ['prt', 'port', 1],
    ['ports', 'port', 1],
    ['post', 'port', 1],
    ['kitten', 'sitting', 3],
  ] as const) {
    t.equal(distanceBetween(a, b), distance, `${a} ${b}`)
    t.equal(distanceBetween(b, a), distance, `${b} ${a}`)
  }
})

t.test('a variable of OpenTelemetry that has no effect is named where traces are recorded', async (t) => {
  const others = {
    OTEL_PROPAGATORS: 'b3',
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://x',
    OTEL_BSP_MAX_QUEUE_SIZE: '1',
  }
  t.strictSame(noticeUnknownNames(others), [])
  const collector = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318' }
  t.equal(refusalOf({ ...others, ...collector }), null)
  t.strictSame(
    noticeUnknownNames({ ...others, ...collector }),
    Object.keys(others).map(
      (name) =>
        `${name} has no effect: docs/configuration.md#traces lists the variables of OpenTelemetry that have one`,
    ),
  )
  t.match(refusalOf({ OTEL_SERVICE_NAM: 'x' }), /did you mean OTEL_SERVICE_NAME/)
})
