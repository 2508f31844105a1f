import { counter, durations, gauge } from '../definition.js'

/** Pools of connections. */
export const pools = ['primary', 'replica'] as const

/** First words of statements; `_OTHER` stands for any other. */
export const statementOperations = [
  'SELECT',
  'INSERT',
  'UPDATE',
  'DELETE',
  'BEGIN',
  'COMMIT',
  'ROLLBACK',
  '_OTHER',
] as const

/** Tables of the schema. */
export const tables = [
  'assertion_uses',
  'client_keys',
  'client_secrets',
  'clients',
  'departed_owners',
  'departures',
  'events',
  'former_clients',
  'former_usernames',
  'guess_counts',
  'idempotency_keys',
  'imported_hashes',
  'items',
  'known_networks',
  'mac_keys',
  'mail_budgets',
  'one_time_tokens',
  'outbox',
  'refresh_tokens',
  'resource_scopes',
  'resource_servers',
  'resources',
  'revoked_tokens',
  'role_scopes',
  'roles',
  'signing_keys',
  'status_blocks',
  'status_entries',
  'status_lists',
  'status_revocations',
  'taken_names',
  'token_families',
  'trusted_issuers',
  'user_roles',
  'users',
  'webhooks',
] as const

/** Reasons why statements fail; empty for one that succeeded. */
export const statementErrors = ['', 'unavailable', 'timeout', 'conflict', '_OTHER'] as const

/** Tables from which rows are removed once they have expired. */
export const expiringTables = [
  'token_families',
  'revoked_tokens',
  'one_time_tokens',
  'idempotency_keys',
  'guess_counts',
  'known_networks',
  'mail_budgets',
  'assertion_uses',
  'status_entries',
  'status_revocations',
  'status_blocks',
  'status_lists',
  'outbox',
  'events',
] as const

export type ExpiringTable = (typeof expiringTables)[number]

/** Upper bounds of the buckets for statements (seconds). */
const statementBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

const ofPool = { labels: { db_client_connection_pool_name: pools } } as const

export const databaseMetrics = {
  statements: durations(
    'db_client_operation_duration_seconds',
    'Duration of statements, without the wait for a connection. A statement that reads and changes counts for its first change.',
    statementBuckets,
    {
      db_operation_name: statementOperations,
      db_collection_name: ['', ...tables, '_OTHER'],
      error_type: statementErrors,
    },
  ),
  poolConnections: gauge('db_client_connection_count', 'Connections of the pools.', {
    labels: { db_client_connection_pool_name: pools, db_client_connection_state: ['idle', 'used'] },
  }),
  poolMax: gauge('db_client_connection_max', 'Maximum number of connections (DATABASE_POOL_SIZE).', ofPool),
  poolWaiting: gauge(
    'db_client_connection_pending_requests',
    'Statements and transactions that wait for a connection.',
    ofPool,
  ),
  poolTimeouts: counter(
    'db_client_connection_timeouts',
    'Waits for a connection that took too long.',
    ofPool,
  ),
  databaseFailures: counter(
    'latchkey_database_failures',
    'Failures because the database cannot be reached (`outage`) or a server of its cluster is down (`node`).',
    { labels: { kind: ['outage', 'node'] } },
  ),
  replicaUsable: gauge(
    'latchkey_replica_usable',
    '1 if the replica was usable when it was last checked, 0 otherwise. Absent without one.',
  ),
  replicaLag: gauge(
    'latchkey_replica_lag_seconds',
    'Upper bound of the lag of the replica when it was last checked. It is checked at most once a second, while there is something to read.',
    { unit: 'seconds' },
  ),
  replicaReads: counter(
    'latchkey_replica_reads',
    'Reads that a replica may answer, by the server that was asked.',
    {
      labels: { server: pools },
    },
  ),
  feedConnected: gauge('latchkey_change_feed_connected', '1 while changes are being received, 0 otherwise.'),
  feedAge: gauge(
    'latchkey_change_feed_heartbeat_age_seconds',
    'Time since the sending of the last heartbeat that has come back. Each scrape sends one.',
    { unit: 'seconds' },
  ),
  feedLosses: counter('latchkey_change_feed_losses', 'Connections of the change feed that were lost.'),
  feedChanges: counter('latchkey_change_feed_changes', 'Changes that were received.'),
  removedRows: counter('latchkey_removed_rows', 'Expired rows that were removed, by table.', {
    labels: { table: expiringTables },
  }),
}
