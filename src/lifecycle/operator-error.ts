/** What keeps the program from starting and its user can mend; the message is one line, for that user. */
export class OperatorError extends Error {}
