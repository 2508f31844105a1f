import { plots } from './layout.js'
import { timeSeries } from './panels.js'
import { quantiles, rate, sum } from './query.js'

const wrong = 'outcome="wrong_password"'
const ok = 'outcome="ok"'

export const logins = {
  title: 'Logins',
  panels: plots(
    timeSeries({
      title: 'Logins by outcome',
      description:
        'Logins with a password at the token endpoint. "unavailable" and "error" are faults of the service; "aborted" means that the client gave up.',
      unit: 'reqps',
      stacked: true,
      queries: { '{{outcome}}': rate('latchkey_logins_total', ['outcome']) },
    }),
    timeSeries({
      title: 'Wrong passwords for each login',
      description:
        'Logins with a wrong password for each successful one. People cause less than one; an attack causes many.',
      unit: 'none',
      queries: {
        'wrong : ok': `${rate('latchkey_logins_total', [], wrong)} / ${rate('latchkey_logins_total', [], ok)}`,
      },
      thresholds: { green: null, red: 5 },
    }),
    timeSeries({
      title: 'Throttled attempts',
      description:
        'Attempts that were refused because of earlier wrong passwords, by whether the network or the account had them.',
      unit: 'reqps',
      queries: { '{{of}}': rate('latchkey_throttled_attempts_total', ['of']) },
    }),
    timeSeries({
      title: 'Compared passwords',
      description: 'Passwords that were compared with a hash: at logins, and where a user confirms a change.',
      unit: 'ops',
      queries: { '{{result}}': rate('latchkey_password_checks_total', ['result']) },
    }),
    timeSeries({
      title: 'Duration of hashing',
      description: 'Time to hash or verify a password, without the wait. BCRYPT_COST decides it.',
      unit: 's',
      queries: quantiles('latchkey_hashing_duration_seconds'),
    }),
    timeSeries({
      title: 'Hashing',
      description:
        'Passwords that are being hashed or wait for it, and how many are hashed at once at most (HASHING_CONCURRENCY).',
      unit: 'none',
      queries: {
        running: sum('latchkey_hashing_running'),
        waiting: sum('latchkey_hashing_waiting'),
        maximum: sum('latchkey_hashing_concurrency'),
      },
    }),
    timeSeries({
      title: 'Rejected by the bulkhead',
      description:
        'Passwords that were not hashed because too many waited, or because the wait was too long. There are none normally.',
      unit: 'ops',
      queries: { '{{reason}}': rate('latchkey_hashing_rejected_total', ['reason']) },
    }),
    timeSeries({
      title: 'E-mails',
      description: 'E-mails by outcome, and those that wait. "off" means that SMTP_URL is not set.',
      unit: 'none',
      queries: {
        '{{outcome}} (a minute)': `60 * ${rate('latchkey_mails_total', ['outcome'])}`,
        waiting: sum('latchkey_mails_waiting'),
      },
    }),
  ),
}
