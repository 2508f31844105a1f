import { type ErrorCode, ServiceError } from '../errors.js'

/** A bulkhead: bounds concurrent work per process and per caller. */
export interface Slots {
  /** Takes a slot, and returns the function that releases it. @throws ServiceError if none is free */
  take(subject: string): () => void
}

/** Creates a bulkhead. @param refusal error of a caller for whom no slot is free */
export function createSlots(perProcess: number, perCaller: number, refusal: ErrorCode): Slots {
  const takenBySubject = new Map<string, number>()
  let taken = 0

  function add(subject: string, difference: 1 | -1): void {
    const count = (takenBySubject.get(subject) ?? 0) + difference
    if (count > 0) takenBySubject.set(subject, count)
    else takenBySubject.delete(subject)
    taken += difference
  }

  return {
    take(subject) {
      if (taken >= perProcess || (takenBySubject.get(subject) ?? 0) >= perCaller)
        throw new ServiceError(refusal)
      add(subject, 1)
      let isTaken = true
      return function release() {
        if (isTaken) add(subject, -1)
        isTaken = false
      }
    },
  }
}

/** Maximum memory that the bodies of all imports of a process take (bytes): more than two imports of maximum size. */
const maxHeldBytes = 48 * 1024 * 1024

/** The bulkheads of exports and imports. */
export interface TransferSlots {
  exports: Slots
  /** Imports whose body is being received: many, as a slow client takes no more memory than what it has sent. */
  imports: Slots
  /** Imports that are being written to the database. */
  writes: Slots
  /** Creates the count of the bytes that one import holds in memory. */
  holdBytes(): HeldBytes
}

/** The bytes that one import holds in memory. */
export interface HeldBytes {
  /** @throws ServiceError `too_many_imports` if all imports of the process together hold too many */
  add(bytes: number): void
  release(): void
}

/** Creates the bulkheads that all routes of a process share. */
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
