import type { Database } from '../../src/database/client.js'

/** How many times as long a wait lasts once `stretchWaits` was called. */
export const stretch = 1_000

/** Makes each wait after wrong passwords last longer, so that none ends by itself while a slow test makes its next attempt. */
export async function stretchWaits(database: Database): Promise<void> {
  await database.$executeRawUnsafe(`
    CREATE FUNCTION stretch_wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF TG_OP = 'INSERT' OR NEW.failures > OLD.failures THEN
        NEW.blocked_until := clock_timestamp() + ${stretch} * (NEW.blocked_until - clock_timestamp());
      END IF;
      RETURN NEW;
    END $$`)
  await database.$executeRawUnsafe(`
    CREATE TRIGGER stretch_wait BEFORE INSERT OR UPDATE ON guess_counts FOR EACH ROW
    WHEN (NEW.blocked_until > now()) EXECUTE FUNCTION stretch_wait()`)
}
