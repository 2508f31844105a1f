/** FROM item that `newId` requires: microseconds of the database's clock, and hour of the transaction, since the Unix epoch. */
export const clock = `(
  SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS us,
    floor(extract(epoch FROM now()) / 3600)::bigint AS hour
) AS clock`

/**
 * UUID of version 7 (RFC 9562 §5.7) with microseconds of the database's clock, for rows that are sorted by their ids: these
 * must follow the time.
 */
export const newId = `encode(
  substring(int8send(us / 1000) FROM 3) || int2send((28672 + us % 1000 * 4096 / 1000)::int2)
    || substring(uuid_send(gen_random_uuid()) FROM 9),
  'hex'
)::uuid`
