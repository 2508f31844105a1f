/** Environment, streams and process facts that commands use. */
export interface Io {
  env: NodeJS.ProcessEnv
  stdin: NodeJS.ReadableStream & { isTTY?: boolean }
  stdout: NodeJS.WritableStream & { isTTY?: boolean }
  stderr: NodeJS.WritableStream
  /** Version of Node.js, such as `24.1.0`. */
  nodeVersion: string
  now: Date
}
