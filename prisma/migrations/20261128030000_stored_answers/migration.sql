-- AlterTable
ALTER TABLE "idempotency_keys" ADD COLUMN     "owner_id" UUID;

-- CreateIndex
CREATE INDEX "idempotency_keys_owner_id_idx" ON "idempotency_keys"("owner_id");

-- AddForeignKey
ALTER TABLE "idempotency_keys" ADD CONSTRAINT "idempotency_keys_owner_id_fkey" FOREIGN KEY ("owner_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- A stored answer holds an item: it goes with the item's owner, by the reference, and with the caller it was given to,
-- also where the version before stored it (semicolons are written \x3B, as migrations are cut at them)
CREATE FUNCTION forget_answers() RETURNS trigger LANGUAGE plpgsql AS
E'BEGIN
  DELETE FROM idempotency_keys WHERE subject = OLD.username\x3B
  RETURN NULL\x3B
END';
CREATE TRIGGER users_forget_answers AFTER DELETE ON "users" FOR EACH ROW EXECUTE FUNCTION forget_answers();
