import t from 'tap'
import { takeInheritedSocket } from '../../src/config/inherited-socket.js'

t.test('without LISTEN_FDS the service listens on HOST and PORT', async (t) => {
  for (const environment of [{}, { LISTEN_FDS: '' }, { LISTEN_PID: '1' }])
    t.equal(takeInheritedSocket(environment, 1), undefined)
})

t.test('what systemd would not pass to this process is refused', async (t) => {
  for (const [environment, problem] of [
    [{ LISTEN_FDS: '1' }, 'LISTEN_PID names another process'],
    [{ LISTEN_FDS: '1', LISTEN_PID: '2' }, 'LISTEN_PID names another process'],
    [{ LISTEN_FDS: '1', LISTEN_PID: '01' }, 'LISTEN_PID names another process'],
    [{ LISTEN_FDS: '0', LISTEN_PID: '1' }, 'LISTEN_FDS must be 1'],
    [{ LISTEN_FDS: '2', LISTEN_PID: '1' }, 'LISTEN_FDS must be 1'],
    [{ LISTEN_FDS: 'x', LISTEN_PID: '1' }, 'LISTEN_FDS must be 1'],
  ] as const)
    t.throws(
      () => takeInheritedSocket({ ...environment }, 1),
      { message: problem },
      JSON.stringify(environment),
    )
})

t.test('a process that this one starts does not see the variables', async (t) => {
  const environment = {
    LISTEN_FDS: '',
    LISTEN_FDNAMES: 'http',
    LISTEN_PID: '1',
    LISTEN_PIDFDID: '1',
    PATH: '/bin',
  }
  takeInheritedSocket(environment, 1)
  t.same(environment, { PATH: '/bin' })
})
