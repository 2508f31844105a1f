import t from 'tap'
import { startApp } from '../helpers/app.js'
import { watchMetrics } from '../helpers/metrics.js'
import { until } from '../helpers/wait.js'

t.test('a request counts for the template of its route, as the log and the traces name it', async (t) => {
  const app = await startApp(t, { METRICS_PORT: '0' })
  const risen = watchMetrics(app)
  await app.inject({ method: 'DELETE', url: '/users/janedoe/roles/editor' })
  await app.inject({ method: 'DELETE', url: '/nothing' })
  for (const labels of [
    'http_route="/users/:username/roles/:role",http_response_status_code="401"',
    'http_response_status_code="404"',
  ])
    await until(
      () => risen(`http_server_request_duration_seconds_count{http_request_method="DELETE",${labels}}`) === 1,
    )
})
