/** Returns why the service cannot listen, in one line for the operator. */
export function describeListenError({ message }: Error): string {
  return `cannot listen: ${message.replace(/^listen \w+: /, '')}; see HOST and PORT`
}
