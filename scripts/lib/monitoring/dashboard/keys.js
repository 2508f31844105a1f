import { plots } from './layout.js'
import { timeSeries } from './panels.js'
import { max, select } from './query.js'

export const keys = {
  title: 'Keys',
  panels: plots(
    timeSeries({
      title: 'Signing keys',
      description:
        'Keys by state: published ones will sign, verifying ones have signed. There is no key where JWT_SECRET signs.',
      unit: 'none',
      queries: { '{{state}}': max('latchkey_keys', ['state']) },
    }),
    timeSeries({
      title: 'Until the next key signs',
      description: 'Time until the next key signs. Negative: the rotation is late.',
      unit: 's',
      signed: true,
      queries: { '{{instance}}': select('latchkey_key_next_signs_seconds') },
      thresholds: { red: null, green: 0 },
    }),
    timeSeries({
      title: 'Sealed keys',
      description:
        'Keys that a process cannot decrypt with its secrets, so that it only verifies with them. It is zero normally.',
      unit: 'none',
      queries: { '{{instance}}': select('latchkey_keys_sealed') },
      thresholds: { green: null, red: 1 },
    }),
    timeSeries({
      title: 'Age of the keys in memory',
      description: 'Time since the keys were read from the database.',
      unit: 's',
      queries: { '{{instance}}': select('latchkey_keys_read_age_seconds') },
    }),
  ),
}
