-- AlterTable
ALTER TABLE "users" ADD COLUMN     "pending_email_key" VARCHAR(254);

-- The address that a user gave last, in lower case, to be found by (semicolons are written \x3B, as migrations are cut at them)
CREATE FUNCTION fill_pending_email_key() RETURNS trigger LANGUAGE plpgsql AS
E'BEGIN
  NEW.pending_email_key := lower(NEW.pending_email)\x3B
  RETURN NEW\x3B
END';
CREATE TRIGGER users_fill_pending_email_key BEFORE INSERT OR UPDATE OF "pending_email" ON "users" FOR EACH ROW EXECUTE FUNCTION fill_pending_email_key();
UPDATE "users" SET "pending_email_key" = lower("pending_email") WHERE "pending_email" IS NOT NULL;

-- CreateIndex
CREATE INDEX "users_pending_email_key_idx" ON "users"("pending_email_key");

-- CreateIndex
CREATE INDEX "one_time_tokens_created_at_idx" ON "one_time_tokens"("created_at");
