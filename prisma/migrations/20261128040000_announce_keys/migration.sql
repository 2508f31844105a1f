-- Replicas keep the keys in memory. Each change of one is announced on the channel latchkey_changes, as changes of users
-- and clients are
CREATE TRIGGER mac_keys_announce_change AFTER INSERT OR UPDATE OR DELETE ON "mac_keys" FOR EACH ROW EXECUTE FUNCTION announce_change('mac', 'id');
CREATE TRIGGER mac_keys_announce_truncation AFTER TRUNCATE ON "mac_keys" EXECUTE FUNCTION announce_truncation();
CREATE TRIGGER signing_keys_announce_truncation AFTER TRUNCATE ON "signing_keys" EXECUTE FUNCTION announce_truncation();
-- Not the time of the first signature, which is added below
CREATE TRIGGER signing_keys_announce_change AFTER INSERT OR DELETE OR UPDATE OF "kid", "algorithm", "public_jwk", "sealed_private_key", "sealed_under", "token_ttl_seconds", "signs_at", "retired_at" ON "signing_keys" FOR EACH ROW EXECUTE FUNCTION announce_change('key', 'kid');

-- Also for what a logical replication brings in
ALTER TABLE "mac_keys" ENABLE ALWAYS TRIGGER "mac_keys_announce_change";
ALTER TABLE "mac_keys" ENABLE ALWAYS TRIGGER "mac_keys_announce_truncation";
ALTER TABLE "signing_keys" ENABLE ALWAYS TRIGGER "signing_keys_announce_change";
ALTER TABLE "signing_keys" ENABLE ALWAYS TRIGGER "signing_keys_announce_truncation";

-- A key is retired only when its successor has signed. Those whose time has come are taken to have done so
ALTER TABLE "signing_keys" ADD COLUMN "signed_at" TIMESTAMPTZ(6);
UPDATE "signing_keys" SET "signed_at" = "signs_at" WHERE "signs_at" <= now();

-- Times of rows are those of the database, whatever clock the process has that writes them
CREATE FUNCTION touch_row() RETURNS trigger LANGUAGE plpgsql AS
E'BEGIN NEW.updated_at := now()\x3B RETURN NEW\x3B END';
CREATE TRIGGER users_touch BEFORE UPDATE ON "users" FOR EACH ROW EXECUTE FUNCTION touch_row();
CREATE TRIGGER items_touch BEFORE UPDATE ON "items" FOR EACH ROW EXECUTE FUNCTION touch_row();
CREATE TRIGGER clients_touch BEFORE UPDATE ON "clients" FOR EACH ROW EXECUTE FUNCTION touch_row();
