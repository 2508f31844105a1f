/** Thrown where something is missing on this machine, so that a measurement is skipped with a notice. */
export class NotAvailable extends Error {}
