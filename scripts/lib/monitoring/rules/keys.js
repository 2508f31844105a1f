import { alertsIn } from './rule.js'

/**
 * Alerts about signing keys.
 *
 * @param {import('./rule.js').Surroundings} surroundings
 */
export function keyAlerts(surroundings) {
  const alert = alertsIn(surroundings)
  return [
    alert({
      name: 'LatchkeyNextKeyLate',
      severity: 'warning',
      expr: '-latchkey_key_next_signs_seconds > 0',
      hold: '5m',
      summary: '{{ $labels.instance }}: the rotation of keys is late',
      description: 'The next key should have begun to sign {{ $value | humanizeDuration }} ago.',
    }),
    alert({
      name: 'LatchkeyKeysSealed',
      severity: 'critical',
      expr: 'latchkey_keys_sealed > 0',
      hold: '5m',
      summary: '{{ $labels.instance }}: keys cannot be decrypted',
      description:
        'Signing keys that the process cannot decrypt with KEY_ENCRYPTION_SECRET and KEY_ENCRYPTION_SECRET_PREVIOUS: {{ $value }}. It cannot sign with them.',
    }),
  ]
}
