import type { Command } from 'commander'
import { auditActions } from '../../audit/event.js'
import { namesForbiddenAddress } from '../../http/safe-fetch/address.js'
import { isInternal, maxUrlLength, toRequestUrl } from '../../http/safe-fetch/request-url.js'
import type { WebhookSettings } from '../../outbox/webhooks/webhook-store.js'
import { readCertificates } from '../certificates.js'
import { CommandError, exitStatus } from '../command-error.js'
import type { DatabaseContext, Options } from '../run.js'
import { readWords, wordsOption } from '../words-option.js'

/** Maximum length of a name (characters). */
const maxNameLength = 64

/** Adds the optional settings of a webhook. */
export function addSettingOptions(command: Command): Command {
  return command
    .addOption(wordsOption('--action <action...>', 'only events of an action', auditActions))
    .option(
      '--ca <file>',
      'PEM file of the certificate authorities for the URL, in place of the well-known ones',
    )
}

/** @throws CommandError if the name is invalid */
export function requireValidName(name: string): void {
  if (name.length > maxNameLength || !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name))
    throw new CommandError(
      exitStatus.usage,
      `a name must have 1 to ${maxNameLength} lower-case letters and digits, with hyphens only between them`,
    )
}

/** Returns the settings that are given as options. @throws CommandError if one is invalid */
export function readSettings(
  { url, action, ca }: Options,
  { webhookInternalHosts }: DatabaseContext['config'],
): Partial<WebhookSettings> {
  const actions = readWords(action)
  return {
    ...(url !== undefined && { url: readUrl(String(url), webhookInternalHosts) }),
    ...(actions && { actions }),
    ...(ca !== undefined && { ca: ca === '' ? null : readCertificates(String(ca)) }),
  }
}

/** Returns the URL in its normalized spelling. @throws CommandError if no message may be sent to it */
function readUrl(text: string, internalHosts: readonly string[]): string {
  const url = toRequestUrl(text, internalHosts)
  if (!url)
    throw new CommandError(
      exitStatus.usage,
      `--url must be an https URL of at most ${maxUrlLength} characters, without user and fragment; http requires that WEBHOOK_INTERNAL_HOSTS names the host`,
    )
  if (namesForbiddenAddress(url, isInternal(url, internalHosts)))
    throw new CommandError(
      exitStatus.usage,
      '--url names an address that is not public: WEBHOOK_INTERNAL_HOSTS permits those of private networks',
    )
  return url.href
}
