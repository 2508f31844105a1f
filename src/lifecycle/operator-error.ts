/** An error that the operator can correct, such as a wrong setting. Its message is one line for the operator. */
export class OperatorError extends Error {}
