-- A mailed link stands on the generation of its user, an invitation on that of the administrator who made it
ALTER TABLE "one_time_tokens" ADD COLUMN     "attempts" INTEGER NOT NULL DEFAULT 0,
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
  NEW.user_generation := (SELECT generation FROM users WHERE id = coalesce(NEW.user_id, NEW.invited_by))\x3B
  RETURN NEW\x3B
END';
CREATE TRIGGER one_time_tokens_fill_generation BEFORE INSERT ON "one_time_tokens" FOR EACH ROW WHEN (NEW.user_generation IS NULL) EXECUTE FUNCTION fill_token_generation();
