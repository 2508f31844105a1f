import type { Command } from 'commander'
import { hasMetadata } from '../../auth/resources/metadata-url.js'
import { ServiceError } from '../../errors.js'
import { findResource, type ManagedResource } from '../../resources/managed-resource-store.js'
import { CommandError, exitStatus, requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { printJson } from '../output.js'
import { onDatabase } from '../run.js'

/** `latchkey resources metadata` */
export function addPrintMetadata(resources: Command, io: Io): void {
  resources
    .command('metadata <name>')
    .description('print the protected resource metadata that the service serves (RFC 9728)')
    .action(
      onDatabase(io, async function printMetadata({ config, database }, [name = '']) {
        const resource = await findResource(name, database)
        requireFound(resource, 'resource', name)
        if (config.jwtSecret !== undefined) throw new ServiceError('keys_not_published')
        if (!hasMetadata(resource.identifier))
          throw new CommandError(exitStatus.refused, 'only resources whose audience is a URL have metadata')
        printJson(io.stdout, describeResource(resource, config.issuer))
      }),
    )
}

/** Returns the metadata of a resource (RFC 9728 §2). Every resource accepts tokens in the header (RFC 6750 §2.1). */
function describeResource({ name, identifier, scopes }: ManagedResource, issuer: string) {
  return {
    resource: identifier,
    authorization_servers: [issuer],
    scopes_supported: scopes.map((scope) => scope.name),
    bearer_methods_supported: ['header'],
    resource_name: name,
  }
}
