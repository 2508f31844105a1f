import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'

export const usage = `npm run bench -- [options]
  --only NAME[,NAME]  measures only these; an unknown name lists all names. Without --page, the results are not for bench/results/
  --rounds N          number of rounds (3)
  --seconds S         duration of a measurement, in whole seconds (3)
  --processes N       number of processes of Latchkey and of each peer where they are compared (one per core)
  --page              draws bench/results/README.md and the plot of README.md from the results, and keeps them there
  --quick             compares with bench/baseline.json in a minute; the exit status is 1 if something became worse, 2 if
                      nothing did as far as could be judged, because others used the machine
  --write-baseline    with --quick: writes the baseline instead, unless others use the machine
  --peer URL          compares with another server: POST /token, GET /users/me/, GET /users/me/items/, johndoe/secret
  --peer-token URL    compares with an OAuth server, whose metadata name its endpoints:
    --peer-client ID          its client; the secret is in BENCH_PEER_SECRET
    --peer-scope SCOPE        scope of its tokens, if it needs one
    --peer-introspection URL  its introspection endpoint, if its metadata do not name it
    --peer-pid PID            its process, if it runs on this machine, to measure its CPU time
  --help`

/**
 * @typedef {object} Options
 * @property {string[] | undefined} only
 * @property {number} rounds
 * @property {number} seconds
 * @property {number} processes
 * @property {boolean} page
 * @property {boolean} quick
 * @property {boolean} writesBaseline
 * @property {boolean} help
 * @property {string | undefined} peer origin
 * @property {import('../peers/oauth-servers.js').UrlPeer | undefined} tokenPeer
 */

/**
 * Reads the options of the command line.
 *
 * @returns {Options}
 * @throws Error if an option is unknown or invalid
 */
export function readOptions() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '3' },
      processes: { type: 'string', default: String(availableParallelism()) },
      page: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      'write-baseline': { type: 'boolean', default: false },
      peer: { type: 'string' },
      'peer-token': { type: 'string' },
      'peer-client': { type: 'string' },
      'peer-scope': { type: 'string' },
      'peer-introspection': { type: 'string' },
      'peer-pid': { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  return {
    only: values.only?.split(','),
    rounds: readCount(values.rounds),
    seconds: readCount(values.seconds),
    processes: readCount(values.processes),
    page: values.page,
    quick: values.quick,
    writesBaseline: values['write-baseline'],
    help: values.help,
    peer: values.peer && new URL(values.peer).origin,
    tokenPeer: values['peer-token'] === undefined ? undefined : readTokenPeer(values['peer-token'], values),
  }
}

/**
 * @param {string} url
 * @param {{ [option: string]: string | boolean | undefined }} values
 */
function readTokenPeer(url, values) {
  const read = (/** @type {string} */ name) => {
    const value = values[name]
    return value === undefined ? undefined : String(value)
  }
  const id = read('peer-client')
  const secret = process.env.BENCH_PEER_SECRET
  if (!id || !secret)
    throw new Error('--peer-token needs --peer-client ID and the variable BENCH_PEER_SECRET')
  const introspection = read('peer-introspection')
  const scope = read('peer-scope')
  const pid = read('peer-pid')
  return {
    url: new URL(url),
    credentials: { id, secret },
    introspection: introspection === undefined ? undefined : new URL(introspection),
    form: scope === undefined ? {} : { scope },
    pid: pid === undefined ? undefined : readCount(pid),
  }
}

/** @param {string} text */
function readCount(text) {
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1) throw new Error(`${text} is not a whole number above 0`)
  return count
}
