-- A mailed link stands on the generation of its user, an invitation on that of the administrator who made it
ALTER TABLE "one_time_tokens" ADD COLUMN     "attempts" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "email_generation" INTEGER,
ADD COLUMN     "invited_by" UUID,
ADD COLUMN     "user_generation" INTEGER;

-- CreateTable
CREATE TABLE "mail_budgets" (
    "key" BYTEA NOT NULL,
    "sent" INTEGER NOT NULL,
    "expires_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "mail_budgets_pkey" PRIMARY KEY ("key")
);

-- CreateIndex
CREATE INDEX "mail_budgets_expires_at_idx" ON "mail_budgets"("expires_at");

-- CreateIndex
CREATE INDEX "one_time_tokens_invited_by_idx" ON "one_time_tokens"("invited_by");

-- AddForeignKey
ALTER TABLE "one_time_tokens" ADD CONSTRAINT "one_time_tokens_invited_by_fkey" FOREIGN KEY ("invited_by") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddCheck (Prisma's schema cannot say these)
ALTER TABLE "one_time_tokens" ADD CONSTRAINT "one_time_tokens_invited_by_check" CHECK ("invited_by" IS NULL OR "purpose" = 'invitation');
ALTER TABLE "mail_budgets" ADD CONSTRAINT "mail_budgets_key_check" CHECK (octet_length("key") = 32);
ALTER TABLE "mail_budgets" ADD CONSTRAINT "mail_budgets_sent_check" CHECK ("sent" > 0);

-- The links that the version before mails during a rolling deployment stand on the generation too. Links of before this
-- migration have none, which no statement takes: what they stood on cannot be known any more (semicolons are written
-- \x3B, as migrations are cut at them)
CREATE FUNCTION fill_token_generation() RETURNS trigger LANGUAGE plpgsql AS
E'BEGIN
  SELECT generation,
    CASE NEW.purpose
      WHEN ''confirm_email'' THEN pending_email_generation
      WHEN ''reset_password'' THEN CASE WHEN email IS NULL THEN pending_email_generation ELSE email_generation END
    END
  INTO NEW.user_generation, NEW.email_generation
  FROM users WHERE id = coalesce(NEW.user_id, NEW.invited_by)\x3B
  RETURN NEW\x3B
END';
CREATE TRIGGER one_time_tokens_fill_generation BEFORE INSERT ON "one_time_tokens" FOR EACH ROW WHEN (NEW.user_generation IS NULL) EXECUTE FUNCTION fill_token_generation();

-- The invitations of an administrator end for good with the right to invite, whoever takes it, and however soon it is back
CREATE FUNCTION end_invitations() RETURNS trigger LANGUAGE plpgsql AS
E'BEGIN
  DELETE FROM one_time_tokens WHERE invited_by = NEW.id\x3B
  RETURN NULL\x3B
END';
CREATE TRIGGER users_end_invitations AFTER UPDATE OF "scopes", "password_change_required" ON "users" FOR EACH ROW
WHEN (
  ('users:admin' = ANY (OLD.scopes) AND NOT 'users:admin' = ANY (NEW.scopes))
  OR (NEW.password_change_required AND NOT OLD.password_change_required)
)
EXECUTE FUNCTION end_invitations();
