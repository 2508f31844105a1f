-- Replicas keep in memory what a token depends on. Whoever changes it, by whatever statement, tells them: what it was and
-- its key, on the channel latchkey_changes, when the change is committed (semicolons are written \x3B, as migrations are
-- cut at them)
-- (bytes are told in hexadecimal digits, whatever the session would have them in)
CREATE FUNCTION announce_change() RETURNS trigger LANGUAGE plpgsql SET bytea_output = 'hex' AS
E'BEGIN
  PERFORM pg_notify(''latchkey_changes'', TG_ARGV[0] || '':'' || (to_jsonb(coalesce(OLD, NEW)) ->> TG_ARGV[1]))\x3B
  RETURN NULL\x3B
END';
CREATE FUNCTION announce_truncation() RETURNS trigger LANGUAGE plpgsql AS
E'BEGIN
  PERFORM pg_notify(''latchkey_changes'', ''all'')\x3B
  RETURN NULL\x3B
END';

CREATE TRIGGER users_announce_change AFTER UPDATE OR DELETE ON "users" FOR EACH ROW EXECUTE FUNCTION announce_change('user', 'id');
CREATE TRIGGER clients_announce_change AFTER UPDATE OR DELETE ON "clients" FOR EACH ROW EXECUTE FUNCTION announce_change('client', 'client_id');
-- Not the time of the last use
CREATE TRIGGER client_secrets_announce_change AFTER INSERT OR UPDATE OF "client_id", "slot", "digest" OR DELETE ON "client_secrets" FOR EACH ROW EXECUTE FUNCTION announce_change('client', 'client_id');
CREATE TRIGGER token_families_announce_change AFTER UPDATE ON "token_families" FOR EACH ROW EXECUTE FUNCTION announce_change('family', 'id');
-- A family that has expired for long, as those have that are cleaned up, has no token that is alive
CREATE TRIGGER token_families_announce_deletion AFTER DELETE ON "token_families" FOR EACH ROW WHEN (OLD.expires_at > now() - interval '1 day') EXECUTE FUNCTION announce_change('family', 'id');
CREATE TRIGGER revoked_tokens_announce_change AFTER INSERT ON "revoked_tokens" FOR EACH ROW EXECUTE FUNCTION announce_change('token', 'fingerprint');

CREATE TRIGGER users_announce_truncation AFTER TRUNCATE ON "users" EXECUTE FUNCTION announce_truncation();
CREATE TRIGGER clients_announce_truncation AFTER TRUNCATE ON "clients" EXECUTE FUNCTION announce_truncation();
CREATE TRIGGER client_secrets_announce_truncation AFTER TRUNCATE ON "client_secrets" EXECUTE FUNCTION announce_truncation();
CREATE TRIGGER token_families_announce_truncation AFTER TRUNCATE ON "token_families" EXECUTE FUNCTION announce_truncation();

-- Also for what a logical replication brings in
ALTER TABLE "users" ENABLE ALWAYS TRIGGER "users_announce_change";
ALTER TABLE "clients" ENABLE ALWAYS TRIGGER "clients_announce_change";
ALTER TABLE "client_secrets" ENABLE ALWAYS TRIGGER "client_secrets_announce_change";
ALTER TABLE "token_families" ENABLE ALWAYS TRIGGER "token_families_announce_change";
ALTER TABLE "token_families" ENABLE ALWAYS TRIGGER "token_families_announce_deletion";
ALTER TABLE "revoked_tokens" ENABLE ALWAYS TRIGGER "revoked_tokens_announce_change";
ALTER TABLE "users" ENABLE ALWAYS TRIGGER "users_announce_truncation";
ALTER TABLE "clients" ENABLE ALWAYS TRIGGER "clients_announce_truncation";
ALTER TABLE "client_secrets" ENABLE ALWAYS TRIGGER "client_secrets_announce_truncation";
ALTER TABLE "token_families" ENABLE ALWAYS TRIGGER "token_families_announce_truncation";
