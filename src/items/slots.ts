import { ServiceError } from '../errors.js'

/** Maximum number of imports that one process runs at a time. */
const maxImports = 2

/** A bulkhead for imports: a few at a time per process, and one per caller. */
export interface ImportSlots {
  /** Runs an import in a free slot. @throws ServiceError `too_many_imports` at once where there is none */
  run<T>(subject: string, work: () => Promise<T>): Promise<T>
}

/** Creates the slots that all import routes of a process share. */
export function createImportSlots(): ImportSlots {
  const running = new Set<string>()
  return {
    async run(subject, work) {
      if (running.size >= maxImports || running.has(subject)) throw new ServiceError('too_many_imports')
      running.add(subject)
      try {
        return await work()
      } finally {
        running.delete(subject)
      }
    },
  }
}
