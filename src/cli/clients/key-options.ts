import type { Command } from 'commander'
import { importKey, isPrivate, keysOf, toPublicJwk } from '../../auth/clients/jwk.js'
import type { StoredKeySource } from '../../auth/store/client-keys.js'
import { readTextFile } from '../../config/secret-file.js'
import { namesForbiddenAddress } from '../../http/safe-fetch/address.js'
import { maxUrlLength, toHttpsUrl } from '../../http/safe-fetch/request-url.js'
import { readCertificates } from '../certificates.js'
import { CommandError, exitStatus } from '../command-error.js'
import type { Options } from '../run.js'

/** Maximum size of a file with keys (bytes). */
const maxFileBytes = 65_536

/** Adds the options for the source of public keys. */
export function addKeyOptions(command: Command): Command {
  return command
    .option('--jwks <file>', 'file with a JWK Set of public keys')
    .option('--jwks-uri <url>', 'https URL of a JWK Set of public keys, which is fetched when it is needed')
    .option('--allow-private-host', 'allow the host of the URL to be in a private network')
    .option(
      '--ca <file>',
      'PEM file of the certificate authorities for the URL, in place of the well-known ones',
    )
}

/**
 * Returns the source of the keys. It may be neither a set nor a URL.
 *
 * @throws CommandError if the options contradict each other, or a file or the URL cannot be used
 */
export function readKeySource({ jwks, jwksUri, allowPrivateHost, ca }: Options): StoredKeySource {
  if (jwks !== undefined && [jwksUri, allowPrivateHost, ca].some((option) => option !== undefined))
    throw usage('--jwks excludes --jwks-uri, --allow-private-host and --ca')
  if (jwksUri !== undefined && !toHttpsUrl(String(jwksUri)))
    throw usage(
      `--jwks-uri must be an https URL of at most ${maxUrlLength} characters, without user and fragment`,
    )
  if (jwksUri !== undefined && !allowPrivateHost && namesForbiddenAddress(new URL(String(jwksUri)), false))
    throw usage(
      '--jwks-uri names an address that is not public: --allow-private-host permits those of private networks',
    )
  return {
    jwks: jwks === undefined ? null : readKeys(String(jwks)),
    jwksUri: jwksUri === undefined ? null : String(jwksUri),
    allowPrivateHost: allowPrivateHost === true,
    ca: ca === undefined ? null : readCertificates(String(ca)),
  }
}

/** Returns the source of a client's keys, or null if no option gives one. */
export function readClientKeys(options: Options): StoredKeySource | null {
  const source = readKeySource(options)
  if (source.jwks || source.jwksUri !== null) return source
  if (source.allowPrivateHost || source.ca !== null)
    throw usage('--allow-private-host and --ca require --jwks-uri')
  return null
}

/** Reads a JWK Set, of which the usable public keys are kept. */
function readKeys(file: string): { keys: object[] } {
  const keys = keysOf(parse(readTextFile('--jwks', file, maxFileBytes)))
  if (!keys) throw usage('--jwks must name a file with a JWK Set: {"keys":[…]}')
  if (keys.some(isPrivate)) throw usage('--jwks must name a file of public keys only: one of these is secret')
  const usable = keys.filter((key) => importKey(key) !== null)
  if (usable.length === 0)
    throw usage('--jwks must have a key for signatures: RSA of 2,048 to 8,192 bits, EC P-256 or Ed25519')
  return { keys: usable.map(toPublicJwk) }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function usage(message: string): CommandError {
  return new CommandError(exitStatus.usage, message)
}
