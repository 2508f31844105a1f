import type { Command } from 'commander'
import { findPatternProblem } from '../../auth/clients/subject-pattern.js'
import { findClient } from '../../auth/store/clients.js'
import { addTrustedIssuer, type NewTrustedIssuer } from '../../auth/store/trusted-issuers.js'
import { clientSubject } from '../../auth/subject.js'
import { toHttpsUrl } from '../../http/safe-fetch/request-url.js'
import { CommandError, exitStatus, requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { onDatabase, recordOperation } from '../run.js'
import { addKeyOptions, readKeySource } from './key-options.js'

/** Maximum length of an issuer (characters). */
const maxIssuerLength = 512
/** Maximum number of issuers and subjects that a client trusts. */
const maxTrusted = 100

/** Matches an audience: printable ASCII without space. */
const audienceSyntax = /^[\x21-\x7E]{1,2048}$/

/** `latchkey clients trust` */
export function addTrustIssuer(clients: Command, io: Io): void {
  addKeyOptions(
    clients
      .command('trust <client-id>')
      .description('let tokens of a platform authenticate a client: those of one issuer, by their subject')
      .requiredOption(
        '--issuer <url>',
        'iss of the tokens; its metadata names the keys, unless they are given',
      )
      .requiredOption(
        '--subject <pattern>',
        'sub of the tokens; a * as its last segment matches anything that follows',
      )
      .option('--audience <uri>', 'the only aud of the tokens; by default the issuer of Latchkey'),
  ).action(
    onDatabase(io, async function trust({ config, database }, [clientId = ''], options) {
      const { issuer, subject, audience, json } = options
      const trusted = {
        ...readKeySource(options),
        issuer: String(issuer),
        subjectPattern: String(subject),
        audience: audience === undefined ? null : String(audience),
      }
      requireValid(trusted, config.issuer)
      const client = await findClient(clientId, database)
      requireFound(client, 'client', clientId)
      if (!client.confidential)
        throw new CommandError(
          exitStatus.refused,
          `${clientId} is a public client, which does not authenticate`,
        )
      await database.$transaction(async (transaction) => {
        if ((await addTrustedIssuer(clientId, trusted, transaction)) > maxTrusted)
          throw new CommandError(
            exitStatus.refused,
            `${clientId} already trusts the maximum of ${maxTrusted} subjects`,
          )
        await recordOperation('client_trust_added', clientSubject(clientId), transaction)
      })
      const result = { client_id: clientId, issuer: trusted.issuer, subject: trusted.subjectPattern }
      const sentence = `${clientId} trusts ${trusted.subjectPattern} of ${trusted.issuer}.`
      printResult(io, { ...result, audience: trusted.audience ?? config.issuer }, sentence, json)
    }),
  )
}

/** @throws CommandError naming the first rule that is broken */
function requireValid({ issuer, subjectPattern, audience }: NewTrustedIssuer, ownIssuer: string): void {
  const problems: (string | false | null)[] = [
    (issuer.length > maxIssuerLength || !toHttpsUrl(issuer) || issuer.includes('?')) &&
      `--issuer must be an https URL of at most ${maxIssuerLength} characters, without user, query and fragment`,
    issuer === ownIssuer && '--issuer must differ from the issuer of Latchkey',
    findPatternProblem(subjectPattern),
    audience !== null &&
      !audienceSyntax.test(audience) &&
      '--audience must consist of printable ASCII characters without space',
    audience === issuer &&
      '--audience must name Latchkey, not the issuer, whose tokens for itself would be accepted',
  ]
  const problem = problems.find(Boolean)
  if (problem) throw new CommandError(exitStatus.usage, problem)
}
