/**
 * The rooms of the house, from the ground floor up. A room imports only from lower floors, so that rooms of one floor know
 * nothing of each other.
 */
const floors = [
  ['src/errors.ts', 'src/files.ts', 'src/manifest.ts', 'src/lifecycle/'],
  ['src/config/'],
  ['src/database/'],
  ['src/http/'],
  ['src/audit/', 'src/docs/', 'src/email/', 'src/items/', 'src/passwords/'],
  ['src/users/'],
  ['src/auth/', 'prisma/seed.ts'],
  ['src/app.ts'],
  ['src/service.ts'],
  ['src/server.ts', 'src/cli/'],
]

/** Packages that the shipped program consists of, nearly all of them bundled. All others are development tools. */
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

/** Returns the rule that modules matching `from` must not import modules matching `to`. */
const forbid = (name, from, to) => ({ name, severity: 'error', from, to })

/** Returns a regular expression for the paths of rooms. */
const pathOf = (rooms) => `^(${rooms.map((room) => room.replaceAll('.', '\\.')).join('|')})`

/** Returns the rule that a room imports only itself and rooms of lower floors. */
const importsDownward = (room, floor) =>
  forbid(
    `${room}-imports-downward`,
    { path: pathOf([room]) },
    { path: pathOf(floors.flat()), pathNot: pathOf([room, ...floors.slice(0, floor).flat()]) },
  )

module.exports = {
  forbidden: [
    forbid('no-cycles', {}, { circular: true }),
    ...floors.flatMap((rooms, floor) => rooms.map((room) => importsDownward(room, floor))),
    forbid('every-source-has-a-floor', { path: '^src/', pathNot: pathOf(floors.flat()) }, {}),
    forbid(
      'auth-knows-users-by-their-store',
      { path: '^src/auth/' },
      { path: '^src/(items|docs|users/(?!store/|scopes))' },
    ),
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
