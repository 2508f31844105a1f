import type { LookupFunction } from 'node:net'
import type { ExportLog, TracingSettings } from './settings.js'

/**
 * Starts to record traces in this process. The SDK is loaded here, so that a process without traces has neither its memory nor
 * its start time.
 *
 * @param lookup resolves the name of the collector
 * @returns a function that sends the last spans, for a limited time, and stops the recording
 */
export async function startTracing(
  settings: TracingSettings,
  log: ExportLog,
  lookup: LookupFunction,
): Promise<() => Promise<void>> {
  const { startSdk } = await import('./sdk.js')
  return startSdk(settings, log, lookup)
}
