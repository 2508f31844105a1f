const base =
  '^src/(errors|files|manifest)\\.ts$|^src/(config|database|email|http|lifecycle|passwords)/|^src/audit/(event|event-store)\\.ts$'
const entries = '^src/((server|service)\\.ts$|cli/)'

/** Packages that are part of what is shipped, nearly all in the bundle. All others are tools of the checkout. */
const shipped = [
  '@fastify/ajv-compiler',
  '@fastify/cors',
  '@fastify/fast-json-stringify-compiler',
  '@fastify/jwt',
  '@fastify/swagger',
  '@fastify/type-provider-typebox',
  '@prisma/adapter-pg',
  '@prisma/client',
  '@zxcvbn-ts/language-common',
  'bcrypt',
  'commander',
  'dataloader',
  'fastify',
  'fastify-plugin',
  'find-my-way',
  'ipaddr.js',
  'lru-cache',
  'nodemailer',
  'pg',
  'pg-connection-string',
  'typebox',
]

/** One rule: whoever matches `from` must not import what matches `to`. */
const forbid = (name, from, to) => ({ name, severity: 'error', from, to })

/** Who may import whom: downward only, from the entries to the app, its features and their base. */
module.exports = {
  forbidden: [
    forbid('no-cycles', {}, { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } }),
    forbid('entries-are-not-imported', { path: '^src/', pathNot: entries }, { path: entries }),
    forbid('only-entries-import-the-app', { path: '^src/', pathNot: entries }, { path: '^src/app\\.ts$' }),
    forbid('base-stays-below', { path: base }, { path: '^src/', pathNot: base }),
    forbid(
      'auth-knows-users-by-their-store',
      { path: '^src/auth/' },
      { path: '^src/(items|docs|users/(?!store/|scopes))' },
    ),
    forbid('users-know-nobody', { path: '^src/users/' }, { path: '^src/(auth|items|docs)/' }),
    forbid('items-know-nobody', { path: '^src/items/' }, { path: '^src/(auth|users|docs)/' }),
    forbid('audit-knows-nobody', { path: '^src/audit/' }, { path: '^src/(auth|users|items|docs)/' }),
    forbid('docs-know-nobody', { path: '^src/docs/' }, { path: '^src/(auth|users|items)/' }),
    forbid(
      'generated-client-stays-in-database',
      { pathNot: '^src/database/' },
      { path: '^src/database/generated/' },
    ),
    forbid(
      'cores-are-pure',
      {
        path: '^src/auth/(access-token|effective|scope|secrets|subject|keys/(generate|lifecycle|seal))\\.ts$',
      },
      { path: 'node_modules/(@?fastify|@prisma|pg)/|^src/(database|errors)' },
    ),
    forbid(
      'no-development-packages',
      { path: '^(src|prisma/seed)' },
      { path: 'node_modules/', pathNot: `node_modules/(@types/)?(${shipped.join('|')})/` },
    ),
    forbid('no-dangling-imports', {}, { couldNotResolve: true }),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|src/database/generated|src/docs/assets)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
}
