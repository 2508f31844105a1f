import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'

// Accepts mails by SMTP (RFC 5321), and lists them as GET /api/v1/messages of Mailpit does.

/** @type {{ To: { Address: string }[], Subject: string }[]} */
const messages = []

createServer((socket) => {
  const reply = (/** @type {string} */ line) => socket.write(`${line}\r\n`)
  /** @type {{ Address: string }[]} */
  let recipients = []
  let isData = false
  socket.on('error', () => {})
  createInterface({ input: socket }).on('line', (line) => {
    if (isData) {
      const [, Subject] = /^Subject: (.*)$/.exec(line) ?? []
      if (Subject !== undefined) messages.push({ To: recipients, Subject })
      if (line !== '.') return
      recipients = []
      isData = false
      return reply('250 OK')
    }
    const [, Address] = /^RCPT TO:<(.*?)>/i.exec(line) ?? []
    if (Address !== undefined) recipients.push({ Address })
    isData = line === 'DATA'
    reply(isData ? '354 End data with <CR><LF>.<CR><LF>' : '250 OK')
    if (line === 'QUIT') socket.end()
  })
  reply('220 mail')
}).listen(1025)

createHttpServer((_request, response) => {
  response.setHeader('content-type', 'application/json').end(JSON.stringify({ messages }))
}).listen(8025)
