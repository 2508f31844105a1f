-- AlterTable
ALTER TABLE "idempotency_keys" ADD COLUMN     "owner_id" UUID;

-- CreateIndex
CREATE INDEX "idempotency_keys_owner_id_idx" ON "idempotency_keys"("owner_id");

-- AddForeignKey
ALTER TABLE "idempotency_keys" ADD CONSTRAINT "idempotency_keys_owner_id_fkey" FOREIGN KEY ("owner_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- A stored answer holds an item: it goes with the item's owner, by the reference, and with the caller it was given to,
-- also where that one is given another name or the version before stored it (semicolons are written \x3B, as migrations
-- are cut at them)
CREATE FUNCTION forget_answers() RETURNS trigger LANGUAGE plpgsql AS
E'BEGIN
  DELETE FROM idempotency_keys WHERE subject = TG_ARGV[0] || (to_jsonb(OLD) ->> TG_ARGV[1])\x3B
  RETURN NULL\x3B
END';
CREATE TRIGGER users_forget_answers AFTER DELETE OR UPDATE OF "username" ON "users" FOR EACH ROW EXECUTE FUNCTION forget_answers('', 'username');
CREATE TRIGGER clients_forget_answers AFTER DELETE OR UPDATE OF "client_id" ON "clients" FOR EACH ROW EXECUTE FUNCTION forget_answers('client:', 'client_id');

-- Nothing is stored for a caller who is gone: whoever stores an answer waits for a deletion of the caller that is under
-- way, and whoever deletes the caller for an answer that is being stored
CREATE FUNCTION hold_caller() RETURNS trigger LANGUAGE plpgsql AS
E'BEGIN
  PERFORM FROM users WHERE username = NEW.subject FOR KEY SHARE\x3B
  IF FOUND THEN RETURN NEW\x3B END IF\x3B
  PERFORM FROM clients WHERE client_id = substr(NEW.subject, 8) AND NEW.subject LIKE ''client:%'' FOR KEY SHARE\x3B
  IF FOUND THEN RETURN NEW\x3B END IF\x3B
  RETURN NULL\x3B
END';
CREATE TRIGGER idempotency_keys_hold_caller BEFORE INSERT ON "idempotency_keys" FOR EACH ROW EXECUTE FUNCTION hold_caller();
