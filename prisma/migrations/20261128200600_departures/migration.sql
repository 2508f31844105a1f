-- What a deleted user, client or resource leaves behind can be any number of rows, and a cascade to many of them takes longer
-- than a statement may. These rows are therefore removed in batches afterwards, and nothing accepts them until then

-- All locks at once, as the keys are dropped in a moment
LOCK TABLE "users", "clients", "resources", "token_families", "idempotency_keys", "one_time_tokens" IN ACCESS EXCLUSIVE MODE;

-- DropForeignKey
ALTER TABLE "token_families" DROP CONSTRAINT "token_families_user_id_fkey";

-- DropForeignKey
ALTER TABLE "token_families" DROP CONSTRAINT "token_families_client_id_fkey";

-- DropForeignKey
ALTER TABLE "token_families" DROP CONSTRAINT "token_families_resource_id_fkey";

-- DropForeignKey
ALTER TABLE "idempotency_keys" DROP CONSTRAINT "idempotency_keys_owner_id_fkey";

-- DropForeignKey
ALTER TABLE "one_time_tokens" DROP CONSTRAINT "one_time_tokens_invited_by_fkey";

-- CreateTable
CREATE TABLE "departures" (
    "kind" VARCHAR(16) NOT NULL,
    "key" VARCHAR(330) NOT NULL,
    "generation" INTEGER,
    "departed_at" TIMESTAMPTZ(6) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "departures_pkey" PRIMARY KEY ("kind","key")
);

-- AddCheck (Prisma's schema cannot express these)
ALTER TABLE "departures" ADD CONSTRAINT "departures_kind_check" CHECK ("kind" IN ('user', 'client', 'resource', 'caller', 'inviter', 'scope'));

-- By any statement, those of the version before too. Arguments: the kind, the column with the key, and what precedes it in
-- the key (semicolons are written \x3B, as migrations are cut at them)
CREATE FUNCTION note_departure() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
E'DECLARE
  former CONSTANT JSONB := to_jsonb(OLD)\x3B
BEGIN
  INSERT INTO departures (kind, key, generation)
  VALUES (TG_ARGV[0], coalesce(TG_ARGV[2], '''') || (former ->> TG_ARGV[1]), (former ->> ''generation'')::INTEGER)
  ON CONFLICT (kind, key) DO UPDATE SET generation = excluded.generation, departed_at = excluded.departed_at\x3B
  RETURN NULL\x3B
END';
CREATE TRIGGER users_note_departure AFTER DELETE ON "users" FOR EACH ROW EXECUTE FUNCTION note_departure('user', 'id');
CREATE TRIGGER resources_note_departure AFTER DELETE ON "resources" FOR EACH ROW EXECUTE FUNCTION note_departure('resource', 'id');
CREATE TRIGGER clients_note_departure AFTER DELETE ON "clients" FOR EACH ROW EXECUTE FUNCTION note_departure('client', 'client_id');
CREATE TRIGGER clients_note_departure_of_id AFTER UPDATE ON "clients" FOR EACH ROW WHEN (NEW.client_id <> OLD.client_id) EXECUTE FUNCTION note_departure('client', 'client_id');

-- Stored answers to a caller who is deleted or given another name. A later caller of the same name does not get them: a
-- row from before the departure is removed before another of the same key is stored
DROP TRIGGER users_forget_answers ON "users";
DROP TRIGGER clients_forget_answers ON "clients";
DROP FUNCTION forget_answers();
CREATE TRIGGER users_note_caller AFTER DELETE ON "users" FOR EACH ROW EXECUTE FUNCTION note_departure('caller', 'username');
CREATE TRIGGER users_note_caller_of_name AFTER UPDATE ON "users" FOR EACH ROW WHEN (NEW.username <> OLD.username) EXECUTE FUNCTION note_departure('caller', 'username');
CREATE TRIGGER clients_note_caller AFTER DELETE ON "clients" FOR EACH ROW EXECUTE FUNCTION note_departure('caller', 'client_id', 'client:');
CREATE TRIGGER clients_note_caller_of_id AFTER UPDATE ON "clients" FOR EACH ROW WHEN (NEW.client_id <> OLD.client_id) EXECUTE FUNCTION note_departure('caller', 'client_id', 'client:');
CREATE OR REPLACE FUNCTION hold_caller() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
E'DECLARE
  is_present BOOLEAN\x3B
BEGIN
  PERFORM FROM users WHERE username = NEW.subject FOR KEY SHARE\x3B
  is_present := FOUND\x3B
  IF NOT is_present THEN
    PERFORM FROM clients WHERE client_id = substr(NEW.subject, 8) AND NEW.subject LIKE ''client:%'' FOR KEY SHARE\x3B
    is_present := FOUND\x3B
  END IF\x3B
  IF NOT is_present THEN RETURN NULL\x3B END IF\x3B
  DELETE FROM idempotency_keys AS known USING departures
  WHERE kind = ''caller'' AND departures.key = NEW.subject
    AND known.subject = NEW.subject AND known.key = NEW.key AND known.created_at <= departed_at\x3B
  RETURN NEW\x3B
END';

-- Invitations of an administrator who loses the right to invite are not valid if they were made before
CREATE OR REPLACE FUNCTION end_invitations() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
E'BEGIN
  INSERT INTO departures (kind, key) VALUES (''inviter'', NEW.id::TEXT)
  ON CONFLICT (kind, key) DO UPDATE SET departed_at = excluded.departed_at\x3B
  RETURN NULL\x3B
END';

-- A deleted scope is taken from roles and clients at once, so that no login has it. It is taken from users and from their
-- logins in batches, and its name is free when that is done: otherwise a later scope of the same name would be theirs
CREATE OR REPLACE FUNCTION take_deleted_scopes() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
E'DECLARE
  deleted_names CONSTANT VARCHAR[] := ARRAY(SELECT name FROM deleted)\x3B
BEGIN
  DELETE FROM role_scopes WHERE scope = ANY (deleted_names)\x3B
  UPDATE clients SET scopes = ARRAY(SELECT one FROM unnest(scopes) AS one WHERE one <> ALL (deleted_names))
  WHERE scopes && deleted_names\x3B
  INSERT INTO departures (kind, key) SELECT ''scope'', name FROM deleted ON CONFLICT DO NOTHING\x3B
  RETURN NULL\x3B
END';
CREATE FUNCTION refuse_departed_scope() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
E'BEGIN
  PERFORM FROM resource_scopes WHERE name = NEW.name FOR KEY SHARE\x3B
  IF EXISTS (SELECT FROM departures WHERE kind = ''scope'' AND key = NEW.name) THEN RETURN NULL\x3B END IF\x3B
  RETURN NEW\x3B
END';
CREATE TRIGGER resource_scopes_refuse_departed BEFORE INSERT ON "resource_scopes" FOR EACH ROW EXECUTE FUNCTION refuse_departed_scope();

-- A change of the scopes of a user takes away those that no longer exist. Only a scope that is new to the user is refused
CREATE OR REPLACE FUNCTION require_user_scopes() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
E'DECLARE
  existing VARCHAR[]\x3B
BEGIN
  PERFORM FROM resource_scopes WHERE name = ANY (NEW.scopes) FOR KEY SHARE\x3B
  existing := ARRAY[''users:admin'', ''items:admin'']::VARCHAR[] || ARRAY(SELECT name FROM resource_scopes WHERE name = ANY (NEW.scopes))\x3B
  IF TG_OP = ''UPDATE'' THEN
    NEW.scopes := ARRAY(SELECT one FROM unnest(NEW.scopes) AS one WHERE one = ANY (existing) OR one <> ALL (OLD.scopes))\x3B
  END IF\x3B
  IF NOT NEW.scopes <@ existing THEN
    RAISE foreign_key_violation USING CONSTRAINT = ''users_scopes_fkey'', MESSAGE = ''a scope of the user does not exist''\x3B
  END IF\x3B
  RETURN NEW\x3B
END';

-- As the cascades of the former keys
CREATE OR REPLACE FUNCTION truncate_items() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
E'BEGIN
  TRUNCATE items, idempotency_keys\x3B
  RETURN NULL\x3B
END';
CREATE FUNCTION truncate_logins() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
E'BEGIN
  TRUNCATE token_families, refresh_tokens\x3B
  RETURN NULL\x3B
END';
CREATE TRIGGER users_truncate_logins AFTER TRUNCATE ON "users" EXECUTE FUNCTION truncate_logins();
CREATE TRIGGER clients_truncate_logins AFTER TRUNCATE ON "clients" EXECUTE FUNCTION truncate_logins();
CREATE TRIGGER resources_truncate_logins AFTER TRUNCATE ON "resources" EXECUTE FUNCTION truncate_logins();
