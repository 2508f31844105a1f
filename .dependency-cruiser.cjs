/**
 * Layers of the source, the lowest first. A module is a folder or a file. It imports only from lower layers, so modules of one
 * layer do not depend on each other.
 */
const layers = [
  ['src/tracing/'],
  ['src/errors.ts', 'src/files.ts', 'src/manifest.ts'],
  ['src/metrics/'],
  ['src/lifecycle/'],
  ['src/config/'],
  ['src/database/', 'src/sealing/'],
  ['src/http/'],
  ['src/audit/', 'src/docs/', 'src/email/', 'src/items/', 'src/passwords/'],
  ['src/users/'],
  ['src/auth/', 'prisma/seed.ts'],
  ['src/outbox/', 'src/pages/', 'src/resources/', 'src/roles/'],
  ['src/backup/'],
  ['src/app.ts', 'src/banner.ts'],
  ['src/service.ts'],
  ['src/server.ts', 'src/cli/'],
]

/** Packages that are part of the shipped program, nearly all of them bundled. All others are development tools. */
const shipped = [
  '@fastify/ajv-compiler',
  '@fastify/busboy',
  '@fastify/cors',
  '@fastify/fast-json-stringify-compiler',
  '@fastify/jwt',
  '@fastify/swagger',
  '@fastify/type-provider-typebox',
  '@node-rs/argon2',
  '@opentelemetry/api',
  '@opentelemetry/context-async-hooks',
  '@opentelemetry/core',
  '@opentelemetry/otlp-exporter-base',
  '@opentelemetry/otlp-transformer',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-trace',
  '@prisma/adapter-pg',
  '@prisma/client',
  '@zxcvbn-ts/language-common',
  'bcrypt',
  'commander',
  'dataloader',
  'fastify',
  'fastify-plugin',
  'find-my-way',
  'hono',
  'ipaddr.js',
  'lru-cache',
  'negotiator',
  'nodemailer',
  'pg',
  'pg-connection-string',
  'pg-copy-streams',
  'typebox',
]

/** Returns the rule that files matching `from` must not import files matching `to`. */
const forbid = (name, from, to) => ({ name, severity: 'error', from, to })

/** Returns a regular expression that matches the paths of modules. */
const pathOf = (modules) => `^(${modules.map((path) => path.replaceAll('.', '\\.')).join('|')})`

/** Returns the rule that a module imports only itself and modules of lower layers. */
const importsDownward = (path, layer) =>
  forbid(
    `${path}-imports-downward`,
    { path: pathOf([path]) },
    { path: pathOf(layers.flat()), pathNot: pathOf([path, ...layers.slice(0, layer).flat()]) },
  )

module.exports = {
  forbidden: [
    forbid('no-cycles', {}, { circular: true }),
    ...layers.flatMap((modules, layer) => modules.map((path) => importsDownward(path, layer))),
    forbid('every-source-has-a-layer', { path: '^src/', pathNot: pathOf(layers.flat()) }, {}),
    forbid(
      'auth-imports-only-the-store-and-scopes-of-users',
      { path: '^src/auth/' },
      { path: '^src/(items|docs|users/(?!store/|scopes))' },
    ),
    forbid(
      'generated-client-stays-in-database',
      { pathNot: '^src/database/' },
      { path: '^src/database/generated/' },
    ),
    forbid(
      'token-rules-import-no-framework-or-database',
      {
        path: '^src/(auth/(access-token|effective|scope|secrets|subject|clients/(algorithms|assertion-claims|jwk|jws|subject-pattern)|keys/(generate|lifecycle))|sealing/seal)\\.ts$',
      },
      { path: 'node_modules/(@?fastify|@prisma|pg)/|^src/(database|errors)' },
    ),
    forbid(
      'only-safe-fetch-calls-other-servers',
      { path: '^src/', pathNot: '^src/http/safe-fetch/' },
      { path: '^(node:)?https$' },
    ),
    forbid(
      'only-the-api-of-opentelemetry',
      { path: '^src/', pathNot: '^src/tracing/(sdk|exporter)\\.ts$' },
      { path: 'node_modules/@opentelemetry/(?!api/)' },
    ),
    forbid(
      'the-sdk-of-opentelemetry-is-loaded-on-demand',
      { path: '^src/', pathNot: '^src/tracing/sdk\\.ts$' },
      { path: '^src/tracing/(sdk|exporter)\\.ts$', dynamic: false },
    ),
    forbid(
      'only-settings-are-checked-by-typebox',
      { path: '^src/', pathNot: '^src/config/read-environment\\.ts$' },
      { path: 'node_modules/typebox/build/value/' },
    ),
    forbid(
      'properties-have-a-fixed-seed',
      { path: '^test/', pathNot: '^test/helpers/properties\\.ts$' },
      { path: 'node_modules/fast-check/' },
    ),
    forbid(
      'no-unshipped-packages',
      { path: '^(src|prisma/seed)' },
      { path: 'node_modules/', pathNot: `node_modules/(@types/)?(${shipped.join('|')})/` },
    ),
    forbid(
      'packages-run-anywhere',
      { path: '^packages/[^/]+/src/', pathNot: '^packages/client/src/node.ts$' },
      { pathNot: '^packages/[^/]+/src/|node_modules/(jose|fastify|hono)/' },
    ),
    forbid(
      'packages-import-only-types-of-frameworks',
      { path: '^packages/[^/]+/src/' },
      { path: 'node_modules/(fastify|hono)/', dependencyTypesNot: ['type-only'] },
    ),
    forbid(
      'packages-do-not-share-sources',
      { path: '^packages/([^/]+)/src/' },
      { path: '^packages/[^/]+/src/', pathNot: '^packages/$1/src/' },
    ),
    forbid('the-service-imports-no-package-of-its-users', { path: '^(src|prisma)/' }, { path: '^packages/' }),
    forbid('no-unresolved-imports', {}, { couldNotResolve: true }),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: {
      path: '^(dist|packages/[^/]+/dist|src/database/generated|src/docs/assets|test/clients/typescript|test/(packages|proof)/project)/',
    },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
}
