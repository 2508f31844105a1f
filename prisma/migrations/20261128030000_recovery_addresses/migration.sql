-- An address that was never confirmed recovers an account only if it is the one given at registration, never changed
ALTER TABLE "users" ADD COLUMN     "email_generation" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "link_mailed_at" TIMESTAMPTZ(6),
ADD COLUMN     "pending_email_generation" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "pending_since_registration" BOOLEAN NOT NULL DEFAULT false;

-- By any statement, those of the version before too (semicolons are written \x3B, as migrations are cut at them):
-- an unconfirmed address stands on the password that it was given with, and goes with the generation, unless it came with
-- the registration or with the same statement; the flag is set by the row's own INSERT and cleared by the first change of
-- either address; each change of an address begins its next generation, which links to it name
CREATE FUNCTION track_addresses() RETURNS trigger LANGUAGE plpgsql AS
E'BEGIN
  IF TG_OP = ''INSERT'' THEN
    NEW.pending_since_registration := NEW.email IS NULL AND NEW.pending_email IS NOT NULL\x3B
    RETURN NEW\x3B
  END IF\x3B
  IF NEW.generation <> OLD.generation AND NOT NEW.pending_since_registration
    AND NEW.pending_email IS NOT DISTINCT FROM OLD.pending_email THEN
    NEW.pending_email := NULL\x3B
    NEW.pending_email_key := NULL\x3B
  END IF\x3B
  IF NEW.email IS DISTINCT FROM OLD.email THEN
    NEW.email_generation := OLD.email_generation + 1\x3B
    NEW.pending_since_registration := false\x3B
  END IF\x3B
  IF NEW.pending_email IS DISTINCT FROM OLD.pending_email THEN
    NEW.pending_email_generation := OLD.pending_email_generation + 1\x3B
    NEW.pending_since_registration := false\x3B
  END IF\x3B
  RETURN NEW\x3B
END';
-- Its name comes after that of the trigger that begins a generation: triggers fire in the order of their names
CREATE TRIGGER users_track_addresses BEFORE INSERT OR UPDATE ON "users" FOR EACH ROW EXECUTE FUNCTION track_addresses();

-- Existing accounts keep their unconfirmed address for recovery only where the events prove that it was never changed:
-- events are removed oldest first, so where the registration is still there, every later change would be too
UPDATE "users" SET "pending_since_registration" = true
WHERE "email" IS NULL AND "pending_email" IS NOT NULL
  AND EXISTS (SELECT FROM "events" WHERE user_id = "users"."id" AND action = 'user_registered' AND outcome = 'ok')
  AND NOT EXISTS (SELECT FROM "events" WHERE user_id = "users"."id" AND action IN ('email_changed', 'email_confirmed') AND outcome = 'ok');
