/** Message from the runner. */
interface Answer {
  template?: string
  error?: string
}

let asked: Promise<string> | undefined

/** Returns the URL of the migrated and seeded database. The runner makes it when the first test file asks for it. */
export function templateUrl(): Promise<string> {
  asked ??= new Promise((resolve, reject) => {
    if (!process.send) throw new Error('run the tests with: npm run test:unit -- FILE')
    // Keeps the process running until the message has arrived.
    process.channel?.ref()
    process.once('message', ({ template, error }: Answer) => {
      process.channel?.unref()
      if (template === undefined) reject(new Error(error))
      else resolve(template)
    })
    process.send('template')
  })
  return asked
}
