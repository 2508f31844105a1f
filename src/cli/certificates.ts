import { X509Certificate } from 'node:crypto'
import { readTextFile } from '../config/secret-file.js'
import { CommandError, exitStatus } from './command-error.js'

/** Maximum size of a file with certificates (bytes). */
const maxFileBytes = 65_536

/** Matches each certificate in a PEM file (RFC 7468 §5.1). */
const certificates = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g

/** Reads the certificates of a PEM file. Anything else in it, such as a private key, is left out. */
export function readCertificates(file: string): string {
  const found = readTextFile('--ca', file, maxFileBytes).match(certificates) ?? []
  if (found.length === 0 || !found.every(isCertificate))
    throw new CommandError(exitStatus.usage, '--ca must name a PEM file of certificates')
  return found.join('\n')
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== ''
  } catch {
    return false
  }
}
