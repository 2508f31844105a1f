-- AlterTable
ALTER TABLE "users" ADD COLUMN     "subject" VARCHAR(255) NOT NULL DEFAULT translate(encode(uuid_send(gen_random_uuid()), 'base64'), '+/=', '-_');

-- AlterTable
ALTER TABLE "token_families" ADD COLUMN     "resource_id" UUID,
ALTER COLUMN "scope" SET DATA TYPE VARCHAR(4096);

-- CreateTable
CREATE TABLE "resources" (
    "id" UUID NOT NULL,
    "name" VARCHAR(64) NOT NULL,
    "identifier" VARCHAR(1024) NOT NULL,
    "token_ttl_seconds" INTEGER,
    "subject_type" VARCHAR(16) NOT NULL DEFAULT 'public',
    "disabled" BOOLEAN NOT NULL DEFAULT false,
    "generation" SERIAL NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "resources_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "resource_scopes" (
    "name" VARCHAR(255) NOT NULL,
    "resource_id" UUID NOT NULL,
    "description" VARCHAR(255),
    "by_default" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "resource_scopes_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "resource_servers" (
    "resource_id" UUID NOT NULL,
    "client_id" VARCHAR(64) NOT NULL,

    CONSTRAINT "resource_servers_pkey" PRIMARY KEY ("resource_id","client_id")
);

-- CreateTable
CREATE TABLE "roles" (
    "name" VARCHAR(64) NOT NULL,
    "description" VARCHAR(255),
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "roles_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "role_scopes" (
    "role" VARCHAR(64) NOT NULL,
    "scope" VARCHAR(255) NOT NULL,

    CONSTRAINT "role_scopes_pkey" PRIMARY KEY ("role","scope")
);

-- CreateTable
CREATE TABLE "user_roles" (
    "user_id" UUID NOT NULL,
    "role" VARCHAR(64) NOT NULL,

    CONSTRAINT "user_roles_pkey" PRIMARY KEY ("user_id","role")
);

-- CreateIndex
CREATE UNIQUE INDEX "resources_name_key" ON "resources"("name");

-- CreateIndex
CREATE UNIQUE INDEX "resources_identifier_key" ON "resources"("identifier");

-- CreateIndex
CREATE INDEX "resource_scopes_resource_id_idx" ON "resource_scopes"("resource_id");

-- CreateIndex
CREATE INDEX "resource_servers_client_id_idx" ON "resource_servers"("client_id");

-- CreateIndex
CREATE INDEX "role_scopes_scope_idx" ON "role_scopes"("scope");

-- CreateIndex
CREATE INDEX "user_roles_role_idx" ON "user_roles"("role");

-- CreateIndex
CREATE UNIQUE INDEX "users_subject_key" ON "users"("subject");

-- CreateIndex
CREATE INDEX "token_families_resource_id_idx" ON "token_families"("resource_id");

-- AddForeignKey
ALTER TABLE "resource_scopes" ADD CONSTRAINT "resource_scopes_resource_id_fkey" FOREIGN KEY ("resource_id") REFERENCES "resources"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "resource_servers" ADD CONSTRAINT "resource_servers_resource_id_fkey" FOREIGN KEY ("resource_id") REFERENCES "resources"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "resource_servers" ADD CONSTRAINT "resource_servers_client_id_fkey" FOREIGN KEY ("client_id") REFERENCES "clients"("client_id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "role_scopes" ADD CONSTRAINT "role_scopes_role_fkey" FOREIGN KEY ("role") REFERENCES "roles"("name") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "user_roles" ADD CONSTRAINT "user_roles_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "user_roles" ADD CONSTRAINT "user_roles_role_fkey" FOREIGN KEY ("role") REFERENCES "roles"("name") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "token_families" ADD CONSTRAINT "token_families_resource_id_fkey" FOREIGN KEY ("resource_id") REFERENCES "resources"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Two identifiers that differ only by an empty path instead of "/" are the same (RFC 3986 §6.2.3)
CREATE UNIQUE INDEX "resources_identifier_path_key" ON "resources" (regexp_replace("identifier", '^([^:/?]+://[^/?]*)(\?|$)', '\1/\2'));

-- AddCheck (Prisma's schema cannot express these)
-- (latchkey:nobody is the audience of tokens that no service accepts)
ALTER TABLE "users" ADD CONSTRAINT "users_subject_check" CHECK ("subject" ~ '^[\x21-\x7E]+$' AND "subject" NOT LIKE 'client:%');
ALTER TABLE "resources" ADD CONSTRAINT "resources_name_check" CHECK ("name" ~ '^[a-z0-9]+(-[a-z0-9]+)*$');
ALTER TABLE "resources" ADD CONSTRAINT "resources_identifier_check" CHECK ("identifier" ~ '^[A-Za-z][A-Za-z0-9+.-]*:[][A-Za-z0-9._~:/?@!$&''()*+,;=%-]+$' AND "identifier" <> 'latchkey:nobody');
ALTER TABLE "resources" ADD CONSTRAINT "resources_token_ttl_seconds_check" CHECK ("token_ttl_seconds" BETWEEN 60 AND 86400);
ALTER TABLE "resources" ADD CONSTRAINT "resources_subject_type_check" CHECK ("subject_type" IN ('public', 'username'));
ALTER TABLE "resource_scopes" ADD CONSTRAINT "resource_scopes_name_check" CHECK ("name" ~ '^[\x21\x23-\x5B\x5D-\x7E]+$');
ALTER TABLE "resource_scopes" ADD CONSTRAINT "resource_scopes_own_check" CHECK ("name" NOT IN ('me', 'items:read', 'items:write', 'account:password', 'users:admin', 'items:admin'));
ALTER TABLE "roles" ADD CONSTRAINT "roles_name_check" CHECK ("name" ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$');
ALTER TABLE "role_scopes" ADD CONSTRAINT "role_scopes_scope_check" CHECK ("scope" <> 'users:admin');

-- Users can have scopes of resources too. A trigger, in place of the foreign key that a list cannot have, checks that they
-- exist, and waits for a deletion that is under way (semicolons are written \x3B, as migrations are cut at them)
ALTER TABLE "users" DROP CONSTRAINT "users_scopes_check";
ALTER TABLE "users" ADD CONSTRAINT "users_scopes_check" CHECK ("scopes" IS NOT NULL);
CREATE FUNCTION require_user_scopes() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
E'BEGIN
  PERFORM FROM resource_scopes WHERE name = ANY (NEW.scopes) FOR KEY SHARE\x3B
  IF NOT NEW.scopes <@ (ARRAY[''users:admin'', ''items:admin'']::VARCHAR[] || ARRAY(SELECT name FROM resource_scopes WHERE name = ANY (NEW.scopes))) THEN
    RAISE foreign_key_violation USING CONSTRAINT = ''users_scopes_fkey'', MESSAGE = ''a scope of the user does not exist''\x3B
  END IF\x3B
  RETURN NEW\x3B
END';
CREATE TRIGGER users_require_scopes BEFORE INSERT OR UPDATE OF "scopes" ON "users" FOR EACH ROW
WHEN (NOT NEW.scopes <@ ARRAY['users:admin', 'items:admin']::VARCHAR[])
EXECUTE FUNCTION require_user_scopes();
CREATE FUNCTION require_role_scope() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
E'BEGIN
  PERFORM FROM resource_scopes WHERE name = NEW.scope FOR KEY SHARE\x3B
  IF NOT FOUND THEN
    RAISE foreign_key_violation USING CONSTRAINT = ''role_scopes_scope_fkey'', MESSAGE = ''the scope of the role does not exist''\x3B
  END IF\x3B
  RETURN NEW\x3B
END';
CREATE TRIGGER role_scopes_require_scope BEFORE INSERT OR UPDATE ON "role_scopes" FOR EACH ROW
WHEN (NEW.scope NOT IN ('items:admin', 'users:admin'))
EXECUTE FUNCTION require_role_scope();

-- A deleted scope is taken from all who have it, and from their logins: otherwise a later scope of the same name would be
-- theirs, and a client would go on having it in tokens of the own audience. Finding the logins reads all of them
CREATE FUNCTION take_deleted_scopes() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
E'DECLARE
  deleted_names CONSTANT VARCHAR[] := ARRAY(SELECT name FROM deleted)\x3B
BEGIN
  DELETE FROM role_scopes WHERE scope = ANY (deleted_names)\x3B
  UPDATE users SET scopes = ARRAY(SELECT one FROM unnest(scopes) AS one WHERE one <> ALL (deleted_names))
  WHERE scopes && deleted_names\x3B
  UPDATE clients SET scopes = ARRAY(SELECT one FROM unnest(scopes) AS one WHERE one <> ALL (deleted_names))
  WHERE scopes && deleted_names\x3B
  UPDATE token_families SET scope = array_to_string(
    ARRAY(SELECT one FROM unnest(string_to_array(scope, '' '')) AS one WHERE one <> ALL (deleted_names)), '' '')
  WHERE string_to_array(scope, '' '') && deleted_names::TEXT[]\x3B
  RETURN NULL\x3B
END';
CREATE TRIGGER resource_scopes_take_deleted AFTER DELETE ON "resource_scopes" REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION take_deleted_scopes();

-- What others know a thing by does not change
CREATE FUNCTION refuse_new_name() RETURNS trigger LANGUAGE plpgsql AS
E'BEGIN
  RAISE EXCEPTION ''% cannot change'', TG_ARGV[0] USING ERRCODE = ''integrity_constraint_violation''\x3B
END';
CREATE TRIGGER users_keep_subject BEFORE UPDATE OF "subject" ON "users" FOR EACH ROW WHEN (NEW.subject <> OLD.subject) EXECUTE FUNCTION refuse_new_name('the subject of a user');
CREATE TRIGGER resource_scopes_keep_name BEFORE UPDATE OF "name" ON "resource_scopes" FOR EACH ROW WHEN (NEW.name <> OLD.name) EXECUTE FUNCTION refuse_new_name('the name of a scope');

-- Tokens that were issued before a resource was disabled, or had another identifier, stay refused
CREATE FUNCTION begin_resource_generation() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
E'BEGIN
  NEW.generation := nextval(''resources_generation_seq'')\x3B
  RETURN NEW\x3B
END';
CREATE TRIGGER resources_begin_generation BEFORE UPDATE ON "resources" FOR EACH ROW
WHEN ((NEW.disabled AND NOT OLD.disabled) OR NEW.identifier <> OLD.identifier)
EXECUTE FUNCTION begin_resource_generation();

CREATE TRIGGER resources_touch BEFORE UPDATE ON "resources" FOR EACH ROW EXECUTE FUNCTION touch_row();
CREATE TRIGGER roles_touch BEFORE UPDATE ON "roles" FOR EACH ROW EXECUTE FUNCTION touch_row();

-- Changes of resources and of the scopes of roles are rare and concern many tokens: processes read everything again. The roles
-- of one user concern that user alone; when a role or a user is deleted, that deletion is announced
CREATE TRIGGER resources_announce_change AFTER INSERT OR UPDATE OR DELETE ON "resources" FOR EACH ROW EXECUTE FUNCTION announce_truncation();
CREATE TRIGGER resource_scopes_announce_change AFTER INSERT OR UPDATE OR DELETE ON "resource_scopes" FOR EACH ROW EXECUTE FUNCTION announce_truncation();
CREATE TRIGGER resource_servers_announce_change AFTER INSERT OR UPDATE OR DELETE ON "resource_servers" FOR EACH ROW EXECUTE FUNCTION announce_truncation();
CREATE TRIGGER role_scopes_announce_change AFTER INSERT OR UPDATE OR DELETE ON "role_scopes" FOR EACH ROW EXECUTE FUNCTION announce_truncation();
CREATE TRIGGER user_roles_announce_change AFTER INSERT OR DELETE ON "user_roles" FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION announce_change('user', 'user_id');
CREATE TRIGGER user_roles_announce_move AFTER UPDATE ON "user_roles" FOR EACH ROW EXECUTE FUNCTION announce_truncation();
CREATE TRIGGER resources_announce_truncation AFTER TRUNCATE ON "resources" EXECUTE FUNCTION announce_truncation();
CREATE TRIGGER resource_scopes_announce_truncation AFTER TRUNCATE ON "resource_scopes" EXECUTE FUNCTION announce_truncation();
CREATE TRIGGER resource_servers_announce_truncation AFTER TRUNCATE ON "resource_servers" EXECUTE FUNCTION announce_truncation();
CREATE TRIGGER role_scopes_announce_truncation AFTER TRUNCATE ON "role_scopes" EXECUTE FUNCTION announce_truncation();
CREATE TRIGGER user_roles_announce_truncation AFTER TRUNCATE ON "user_roles" EXECUTE FUNCTION announce_truncation();

-- Also for what a logical replication brings in
ALTER TABLE "resources" ENABLE ALWAYS TRIGGER "resources_announce_change";
ALTER TABLE "resource_scopes" ENABLE ALWAYS TRIGGER "resource_scopes_announce_change";
ALTER TABLE "resource_servers" ENABLE ALWAYS TRIGGER "resource_servers_announce_change";
ALTER TABLE "role_scopes" ENABLE ALWAYS TRIGGER "role_scopes_announce_change";
ALTER TABLE "user_roles" ENABLE ALWAYS TRIGGER "user_roles_announce_change";
ALTER TABLE "user_roles" ENABLE ALWAYS TRIGGER "user_roles_announce_move";
ALTER TABLE "resources" ENABLE ALWAYS TRIGGER "resources_announce_truncation";
ALTER TABLE "resource_scopes" ENABLE ALWAYS TRIGGER "resource_scopes_announce_truncation";
ALTER TABLE "resource_servers" ENABLE ALWAYS TRIGGER "resource_servers_announce_truncation";
ALTER TABLE "role_scopes" ENABLE ALWAYS TRIGGER "role_scopes_announce_truncation";
ALTER TABLE "user_roles" ENABLE ALWAYS TRIGGER "user_roles_announce_truncation";
