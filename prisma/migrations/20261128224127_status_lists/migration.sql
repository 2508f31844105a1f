-- AlterTable
ALTER TABLE "token_families" ADD COLUMN     "status_list" CHAR(11),
ADD COLUMN     "status_ordinal" INTEGER;

-- AlterTable
ALTER TABLE "refresh_tokens" ADD COLUMN     "access_expires_at" TIMESTAMPTZ(6),
ADD COLUMN     "status_list" CHAR(11),
ADD COLUMN     "status_ordinal" INTEGER;

-- CreateTable
CREATE TABLE "status_lists" (
    "id" CHAR(11) NOT NULL,
    "class" SMALLINT NOT NULL,
    "seed" BYTEA NOT NULL,
    "number" INTEGER NOT NULL DEFAULT 0,
    "next_ordinal" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "closes_at" TIMESTAMPTZ(6) NOT NULL,
    "retires_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "status_lists_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "status_blocks" (
    "list_id" CHAR(11) NOT NULL,
    "first" INTEGER NOT NULL,
    "count" INTEGER NOT NULL,
    "client_id" VARCHAR(64) NOT NULL,
    "client_generation" INTEGER NOT NULL,
    "resource_id" UUID,
    "scope" VARCHAR(4096) NOT NULL,
    "of_users" BOOLEAN NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "status_blocks_pkey" PRIMARY KEY ("list_id","first")
);

-- CreateTable
CREATE TABLE "status_revocations" (
    "list_id" CHAR(11) NOT NULL,
    "first" INTEGER NOT NULL,
    "count" INTEGER NOT NULL DEFAULT 1,
    "xid" xid8 NOT NULL DEFAULT pg_current_xact_id(),

    CONSTRAINT "status_revocations_pkey" PRIMARY KEY ("list_id","first","count")
);

-- CreateTable
CREATE TABLE "status_entries" (
    "list_id" CHAR(11) NOT NULL,
    "ordinal" INTEGER NOT NULL,
    "family_id" UUID NOT NULL,
    "expires_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "status_entries_pkey" PRIMARY KEY ("list_id","ordinal")
);

-- CreateIndex
CREATE UNIQUE INDEX "status_lists_class_closes_at_number_key" ON "status_lists"("class", "closes_at", "number");

-- CreateIndex
CREATE INDEX "status_lists_retires_at_idx" ON "status_lists"("retires_at");

-- CreateIndex
CREATE INDEX "status_blocks_client_id_idx" ON "status_blocks"("client_id");

-- CreateIndex
CREATE INDEX "status_blocks_resource_id_idx" ON "status_blocks"("resource_id");

-- CreateIndex
CREATE INDEX "status_revocations_list_id_xid_idx" ON "status_revocations"("list_id", "xid");

-- CreateIndex
CREATE INDEX "status_entries_family_id_idx" ON "status_entries"("family_id");

-- AddForeignKey
ALTER TABLE "status_blocks" ADD CONSTRAINT "status_blocks_list_id_fkey" FOREIGN KEY ("list_id") REFERENCES "status_lists"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "status_revocations" ADD CONSTRAINT "status_revocations_list_id_fkey" FOREIGN KEY ("list_id") REFERENCES "status_lists"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "status_entries" ADD CONSTRAINT "status_entries_list_id_fkey" FOREIGN KEY ("list_id") REFERENCES "status_lists"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "status_entries" ADD CONSTRAINT "status_entries_family_id_fkey" FOREIGN KEY ("family_id") REFERENCES "token_families"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddCheck (Prisma's schema cannot express these)
ALTER TABLE "status_lists" ADD CONSTRAINT "status_lists_id_check" CHECK ("id" ~ '^[A-Za-z0-9_-]{11}$');
ALTER TABLE "status_lists" ADD CONSTRAINT "status_lists_seed_check" CHECK (octet_length("seed") = 32);
ALTER TABLE "status_lists" ADD CONSTRAINT "status_lists_next_ordinal_check" CHECK ("next_ordinal" BETWEEN 0 AND 1048576);
ALTER TABLE "status_blocks" ADD CONSTRAINT "status_blocks_range_check" CHECK ("first" >= 0 AND "count" BETWEEN 1 AND 4096 AND "first" + "count" <= 1048576);
ALTER TABLE "status_revocations" ADD CONSTRAINT "status_revocations_range_check" CHECK ("first" >= 0 AND "count" >= 1 AND "first" + "count" <= 1048576);
ALTER TABLE "departures" DROP CONSTRAINT "departures_kind_check";
ALTER TABLE "departures" ADD CONSTRAINT "departures_kind_check" CHECK ("kind" IN ('user', 'client', 'resource', 'caller', 'inviter', 'scope', 'former_logins', 'user_lost_scope', 'scope_lost', 'client_blocks', 'resource_blocks'));

-- The end of a login sets the bits of its tokens, by whatever statement it ends. Lists that are retired have no bits to set: they
-- are removed an hour later, so that no statement finds one that is gone when it commits (semicolons are written \x3B, as
-- migrations are cut at them)
CREATE FUNCTION revoke_ended_logins() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
E'DECLARE
  ended CONSTANT UUID[] := ARRAY(
    SELECT now_stored.id FROM now_stored JOIN formerly_stored USING (id)
    WHERE now_stored.revoked_at IS NOT NULL AND formerly_stored.revoked_at IS NULL
  )\x3B
BEGIN
  INSERT INTO status_revocations (list_id, first)
  SELECT id, entry.ordinal FROM (
    SELECT status_list, status_ordinal FROM token_families WHERE id = ANY (ended)
    UNION ALL SELECT status_list, status_ordinal FROM refresh_tokens WHERE family_id = ANY (ended) AND access_expires_at > now()
    UNION ALL SELECT list_id, ordinal FROM status_entries WHERE family_id = ANY (ended) AND expires_at > now()
  ) AS entry (list_id, ordinal)
  JOIN status_lists ON id = entry.list_id AND retires_at > now()
  ORDER BY id, entry.ordinal ON CONFLICT DO NOTHING\x3B
  RETURN NULL\x3B
END';
CREATE TRIGGER token_families_revoke_ended AFTER UPDATE ON "token_families" REFERENCING OLD TABLE AS formerly_stored NEW TABLE AS now_stored FOR EACH STATEMENT EXECUTE FUNCTION revoke_ended_logins();

-- Rows that are deleted before their tokens have expired. Arguments: the columns with the list, the entry and the expiry
CREATE FUNCTION revoke_deleted_entries() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
E'BEGIN
  INSERT INTO status_revocations (list_id, first)
  SELECT id, (entry ->> TG_ARGV[1])::INTEGER
  FROM (SELECT to_jsonb(deleted) AS entry FROM deleted) AS entries
  JOIN status_lists ON id = entry ->> TG_ARGV[0] AND retires_at > now()
  WHERE (entry ->> TG_ARGV[2])::TIMESTAMPTZ > now()
  ORDER BY 1, 2 ON CONFLICT DO NOTHING\x3B
  RETURN NULL\x3B
END';
CREATE TRIGGER token_families_revoke_deleted AFTER DELETE ON "token_families" REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION revoke_deleted_entries('status_list', 'status_ordinal', 'expires_at');
CREATE TRIGGER refresh_tokens_revoke_deleted AFTER DELETE ON "refresh_tokens" REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION revoke_deleted_entries('status_list', 'status_ordinal', 'access_expires_at');
CREATE TRIGGER status_entries_revoke_deleted AFTER DELETE ON "status_entries" REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION revoke_deleted_entries('list_id', 'ordinal', 'expires_at');

-- A client and a resource end whole blocks, however many tokens these have. More than 10,000 blocks are ended in batches, all that
-- exist by now
CREATE FUNCTION note_many_blocks(kind VARCHAR, key VARCHAR, blocks BIGINT) RETURNS BOOLEAN LANGUAGE plpgsql SET search_path FROM CURRENT AS
E'BEGIN
  IF blocks <= 10000 THEN RETURN false\x3B END IF\x3B
  INSERT INTO departures (kind, key) VALUES (note_many_blocks.kind, note_many_blocks.key)
  ON CONFLICT ON CONSTRAINT departures_pkey DO UPDATE SET departed_at = excluded.departed_at\x3B
  RETURN true\x3B
END';
CREATE FUNCTION revoke_client_blocks() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
E'DECLARE
  lost VARCHAR[] := ARRAY[]::VARCHAR[]\x3B
BEGIN
  IF TG_OP = ''UPDATE'' THEN
    lost := ARRAY(SELECT unnest(OLD.scopes) EXCEPT SELECT unnest(NEW.scopes))\x3B
    IF ''me'' = ANY (lost) AND ''account:password'' <> ALL (NEW.scopes) THEN
      lost := lost || ''account:password''::VARCHAR\x3B
    END IF\x3B
  END IF\x3B
  IF note_many_blocks(''client_blocks'', OLD.client_id, (SELECT count(*) FROM status_blocks WHERE client_id = OLD.client_id)) THEN
    RETURN NULL\x3B
  END IF\x3B
  INSERT INTO status_revocations (list_id, first, count)
  SELECT list_id, first, count FROM status_blocks JOIN status_lists ON id = list_id AND retires_at > now()
  WHERE client_id = OLD.client_id AND (
    TG_OP = ''DELETE'' OR NEW.client_id <> OLD.client_id OR client_generation < NEW.generation
    OR string_to_array(scope, '' '')::VARCHAR[] && lost
  )
  ORDER BY list_id, first ON CONFLICT DO NOTHING\x3B
  RETURN NULL\x3B
END';
CREATE TRIGGER clients_revoke_changed AFTER UPDATE ON "clients" FOR EACH ROW
WHEN (NEW.client_id <> OLD.client_id OR NEW.generation <> OLD.generation OR NOT OLD.scopes <@ NEW.scopes)
EXECUTE FUNCTION revoke_client_blocks();
CREATE TRIGGER clients_revoke_deleted AFTER DELETE ON "clients" FOR EACH ROW EXECUTE FUNCTION revoke_client_blocks();

CREATE FUNCTION revoke_resource_blocks() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
E'BEGIN
  IF note_many_blocks(''resource_blocks'', OLD.id::VARCHAR, (SELECT count(*) FROM status_blocks WHERE resource_id = OLD.id)) THEN
    RETURN NULL\x3B
  END IF\x3B
  INSERT INTO status_revocations (list_id, first, count)
  SELECT list_id, first, count FROM status_blocks JOIN status_lists ON id = list_id AND retires_at > now()
  WHERE resource_id = OLD.id AND (TG_OP = ''DELETE'' OR NEW.generation <> OLD.generation OR of_users)
  ORDER BY list_id, first ON CONFLICT DO NOTHING\x3B
  RETURN NULL\x3B
END';
CREATE TRIGGER resources_revoke_changed AFTER UPDATE ON "resources" FOR EACH ROW
WHEN (NEW.generation <> OLD.generation OR NEW.subject_type <> OLD.subject_type)
EXECUTE FUNCTION revoke_resource_blocks();
CREATE TRIGGER resources_revoke_deleted AFTER DELETE ON "resources" FOR EACH ROW EXECUTE FUNCTION revoke_resource_blocks();

-- A scope that its audience no longer has: it is deleted, moved, or defined by a resource from now on
CREATE FUNCTION revoke_scope_blocks() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
E'DECLARE
  name CONSTANT VARCHAR := CASE TG_OP WHEN ''INSERT'' THEN NEW.name ELSE OLD.name END\x3B
  former CONSTANT UUID := CASE TG_OP WHEN ''INSERT'' THEN NULL ELSE OLD.resource_id END\x3B
BEGIN
  IF note_many_blocks(''resource_blocks'', former::VARCHAR, (SELECT count(*) FROM status_blocks WHERE resource_id = former)) THEN
    RETURN NULL\x3B
  END IF\x3B
  INSERT INTO status_revocations (list_id, first, count)
  SELECT list_id, first, count FROM status_blocks JOIN status_lists ON id = list_id AND retires_at > now()
  WHERE resource_id IS NOT DISTINCT FROM former AND name = ANY (string_to_array(scope, '' ''))
  ORDER BY list_id, first ON CONFLICT DO NOTHING\x3B
  RETURN NULL\x3B
END';
CREATE TRIGGER resource_scopes_revoke_former AFTER INSERT OR DELETE ON "resource_scopes" FOR EACH ROW EXECUTE FUNCTION revoke_scope_blocks();
CREATE TRIGGER resource_scopes_revoke_moved AFTER UPDATE ON "resource_scopes" FOR EACH ROW WHEN (NEW.resource_id <> OLD.resource_id) EXECUTE FUNCTION revoke_scope_blocks();

-- The name of a user is the subject of tokens of this service
CREATE TRIGGER users_begin_generation_of_name BEFORE UPDATE ON "users" FOR EACH ROW WHEN (NEW.username <> OLD.username) EXECUTE FUNCTION begin_user_generation();

-- A user can have any number of logins, so the bits of these are set in batches: of those of former generations, of those of one user
-- that state a scope which the user has lost, and of those of all users that state a scope which some have lost. The key is
-- the user or the scope
CREATE FUNCTION note_lost_logins() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
E'BEGIN
  INSERT INTO departures (kind, key, generation)
  SELECT TG_ARGV[0], to_jsonb(OLD) ->> TG_ARGV[1], (to_jsonb(NEW) ->> ''generation'')::INTEGER WHERE EXISTS (SELECT FROM status_lists)
  ON CONFLICT (kind, key) DO UPDATE SET generation = excluded.generation, departed_at = excluded.departed_at\x3B
  RETURN NULL\x3B
END';
CREATE TRIGGER users_note_former_logins AFTER UPDATE ON "users" FOR EACH ROW WHEN (NEW.generation <> OLD.generation) EXECUTE FUNCTION note_lost_logins('former_logins', 'id');
CREATE TRIGGER users_note_lost_scopes AFTER UPDATE ON "users" FOR EACH ROW
WHEN (NOT OLD.scopes <@ NEW.scopes OR (NEW.password_change_required AND NOT OLD.password_change_required))
EXECUTE FUNCTION note_lost_logins('user_lost_scope', 'id');
CREATE TRIGGER user_roles_note_lost AFTER DELETE ON "user_roles" FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION note_lost_logins('user_lost_scope', 'user_id');
CREATE TRIGGER user_roles_note_changed AFTER UPDATE ON "user_roles" FOR EACH ROW EXECUTE FUNCTION note_lost_logins('user_lost_scope', 'user_id');
CREATE TRIGGER role_scopes_note_lost AFTER UPDATE OR DELETE ON "role_scopes" FOR EACH ROW EXECUTE FUNCTION note_lost_logins('scope_lost', 'scope');
CREATE TRIGGER resource_scopes_note_lost AFTER UPDATE ON "resource_scopes" FOR EACH ROW WHEN (OLD.by_default AND NOT NEW.by_default) EXECUTE FUNCTION note_lost_logins('scope_lost', 'name');

-- After a truncation nothing tells which tokens have ended, so all have, and later tokens get other lists
CREATE FUNCTION revoke_everything() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
E'BEGIN
  WITH ended AS (UPDATE status_lists SET closes_at = least(closes_at, now()) WHERE retires_at > now() RETURNING id)
  INSERT INTO status_revocations (list_id, first, count) SELECT id, 0, 1048576 FROM ended
  ON CONFLICT DO NOTHING\x3B
  RETURN NULL\x3B
END';
CREATE OR REPLACE FUNCTION truncate_logins() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
E'BEGIN
  TRUNCATE token_families, refresh_tokens, status_entries\x3B
  RETURN NULL\x3B
END';
CREATE TRIGGER token_families_revoke_truncated AFTER TRUNCATE ON "token_families" EXECUTE FUNCTION revoke_everything();
CREATE TRIGGER refresh_tokens_revoke_truncated AFTER TRUNCATE ON "refresh_tokens" EXECUTE FUNCTION revoke_everything();
CREATE TRIGGER users_revoke_truncated AFTER TRUNCATE ON "users" EXECUTE FUNCTION revoke_everything();
CREATE TRIGGER clients_revoke_truncated AFTER TRUNCATE ON "clients" EXECUTE FUNCTION revoke_everything();
CREATE TRIGGER resources_revoke_truncated AFTER TRUNCATE ON "resources" EXECUTE FUNCTION revoke_everything();
CREATE TRIGGER resource_scopes_revoke_truncated AFTER TRUNCATE ON "resource_scopes" EXECUTE FUNCTION revoke_everything();
CREATE TRIGGER role_scopes_revoke_truncated AFTER TRUNCATE ON "role_scopes" EXECUTE FUNCTION revoke_everything();
CREATE TRIGGER user_roles_revoke_truncated AFTER TRUNCATE ON "user_roles" EXECUTE FUNCTION revoke_everything();

-- Replicas serve the lists from memory, and look for departures at once
CREATE TRIGGER status_lists_announce_change AFTER INSERT OR DELETE ON "status_lists" FOR EACH ROW EXECUTE FUNCTION announce_change('status_list', 'id');
CREATE FUNCTION announce_revocations() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
E'BEGIN
  PERFORM pg_notify(''latchkey_changes'', ''status:'' || list_id) FROM (SELECT DISTINCT list_id FROM added) AS lists\x3B
  RETURN NULL\x3B
END';
CREATE TRIGGER status_revocations_announce_change AFTER INSERT ON "status_revocations" REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION announce_revocations();
CREATE TRIGGER status_revocations_announce_replicated AFTER INSERT ON "status_revocations" FOR EACH ROW EXECUTE FUNCTION announce_change('status', 'list_id');
CREATE TRIGGER departures_announce_change AFTER INSERT OR UPDATE ON "departures" FOR EACH ROW EXECUTE FUNCTION announce_change('departure', 'kind');
CREATE TRIGGER refresh_tokens_announce_truncation AFTER TRUNCATE ON "refresh_tokens" EXECUTE FUNCTION announce_truncation();
CREATE TRIGGER status_lists_announce_truncation AFTER TRUNCATE ON "status_lists" EXECUTE FUNCTION announce_truncation();
CREATE TRIGGER status_revocations_announce_truncation AFTER TRUNCATE ON "status_revocations" EXECUTE FUNCTION announce_truncation();

-- Also for what a logical replication brings in
ALTER TABLE "status_lists" ENABLE ALWAYS TRIGGER "status_lists_announce_change";
ALTER TABLE "status_revocations" ENABLE REPLICA TRIGGER "status_revocations_announce_replicated";
ALTER TABLE "refresh_tokens" ENABLE ALWAYS TRIGGER "refresh_tokens_announce_truncation";
ALTER TABLE "status_lists" ENABLE ALWAYS TRIGGER "status_lists_announce_truncation";
ALTER TABLE "status_revocations" ENABLE ALWAYS TRIGGER "status_revocations_announce_truncation";
