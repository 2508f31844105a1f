import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { withShippedPackages } from './lib/shipped-packages.js'

// Prints the software bill of materials (CycloneDX) of what is shipped: npm run --silent sbom
//
// Two runs print the same document if SOURCE_DATE_EPOCH is set (seconds since 1970), which is then its time.

const options = ['--package-lock-only', '--sbom-format=cyclonedx', '--sbom-type=application']
const printed = await withShippedPackages((cwd) =>
  execFileSync('npm', ['sbom', ...options], { cwd, encoding: 'utf8' }),
)
process.stdout.write(`${JSON.stringify(reproducible(JSON.parse(printed)), null, 2)}\n`)

/**
 * Returns a document whose serial number is derived from its content (a UUID of version 8, RFC 9562 §5.8) instead of being random.
 *
 * @param {{ serialNumber: string, metadata: { timestamp: string } }} document
 */
function reproducible({ serialNumber: _random, metadata, ...document }) {
  const { SOURCE_DATE_EPOCH: seconds } = process.env
  const timestamp = seconds ? new Date(Number(seconds) * 1_000).toISOString() : metadata.timestamp
  const content = { ...document, metadata: { ...metadata, timestamp } }
  const hash = createHash('sha256').update(JSON.stringify(content)).digest('hex')
  const uuid = hash.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-8$3-8$4-$5')
  return { ...content, serialNumber: `urn:uuid:${uuid}` }
}
