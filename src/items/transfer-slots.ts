import { type ErrorCode, ServiceError } from '../errors.js'

/** A bulkhead: a few pieces of work at a time per process, and fewer per caller. */
export interface Slots {
  /** Takes a slot and returns how to give it back. @throws ServiceError at once where there is none */
  take(subject: string): () => void
}

/** Creates the slots that all routes of a process share. @param refusal error where none is free */
export function createSlots(perProcess: number, perCaller: number, refusal: ErrorCode): Slots {
  const bySubject = new Map<string, number>()
  let taken = 0

  function add(subject: string, difference: 1 | -1): void {
    const count = (bySubject.get(subject) ?? 0) + difference
    if (count > 0) bySubject.set(subject, count)
    else bySubject.delete(subject)
    taken += difference
  }

  return {
    take(subject) {
      if (taken >= perProcess || (bySubject.get(subject) ?? 0) >= perCaller) throw new ServiceError(refusal)
      add(subject, 1)
      let isTaken = true
      return function giveBack() {
        if (isTaken) add(subject, -1)
        isTaken = false
      }
    },
  }
}

/** Maximum number of bytes of imports that a process holds at a time: more than two callers can take. */
const maxHeldBytes = 48 * 1024 * 1024

/** The slots of the routes that move many items. */
export interface TransferSlots {
  exports: Slots
  /** Imports whose body is on its way: many, as a slow one holds little but its bytes. */
  imports: Slots
  /** Imports that are written to the database. */
  writes: Slots
  /** Creates a count of the bytes that one import holds. Those of all imports of the process are bounded. */
  holdBytes(): HeldBytes
}

/** The bytes that one import holds. */
export interface HeldBytes {
  /** @throws ServiceError `too_many_imports` where all imports together hold too many */
  add(bytes: number): void
  release(): void
}

/** Creates the slots that all routes of a process share. */
export function createTransferSlots(): TransferSlots {
  let heldBytes = 0
  return {
    exports: createSlots(16, 2, 'too_many_exports'),
    imports: createSlots(16, 1, 'too_many_imports'),
    writes: createSlots(3, 1, 'too_many_imports'),
    holdBytes() {
      let own = 0
      return {
        add(bytes) {
          own += bytes
          heldBytes += bytes
          if (heldBytes > maxHeldBytes) throw new ServiceError('too_many_imports')
        },
        release() {
          heldBytes -= own
          own = 0
        },
      }
    },
  }
}
