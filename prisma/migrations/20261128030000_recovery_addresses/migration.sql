-- An address that was never confirmed recovers an account only if it is the one given at registration, never changed
ALTER TABLE "users" ADD COLUMN     "pending_since_registration" BOOLEAN NOT NULL DEFAULT false;

-- The flag is set by the row's own INSERT and cleared by the first change of either address, by any statement, those of
-- the version before too; no UPDATE of an address sets it (semicolons are written \x3B, as migrations are cut at them)
CREATE FUNCTION track_pending_email() RETURNS trigger LANGUAGE plpgsql AS
E'BEGIN
  IF TG_OP = ''INSERT'' THEN
    NEW.pending_since_registration := NEW.email IS NULL AND NEW.pending_email IS NOT NULL\x3B
  ELSIF (NEW.email, NEW.pending_email) IS DISTINCT FROM (OLD.email, OLD.pending_email) THEN
    NEW.pending_since_registration := false\x3B
  END IF\x3B
  RETURN NEW\x3B
END';
CREATE TRIGGER users_track_pending_email BEFORE INSERT OR UPDATE OF "email", "pending_email" ON "users" FOR EACH ROW EXECUTE FUNCTION track_pending_email();

-- Existing accounts keep their unconfirmed address for recovery only where the events prove that it was never changed:
-- events are removed oldest first, so where the registration is still there, every later change would be too
UPDATE "users" SET "pending_since_registration" = true
WHERE "email" IS NULL AND "pending_email" IS NOT NULL
  AND EXISTS (SELECT FROM "events" WHERE user_id = "users"."id" AND action = 'user_registered' AND outcome = 'ok')
  AND NOT EXISTS (SELECT FROM "events" WHERE user_id = "users"."id" AND action IN ('email_changed', 'email_confirmed') AND outcome = 'ok');
