-- DropIndex
DROP INDEX "items_owner_id_id_idx";

-- AlterTable
ALTER TABLE "users" ADD COLUMN     "email_key" VARCHAR(254),
ADD COLUMN     "password_change_required" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "pending_email" VARCHAR(254),
ADD COLUMN     "scopes" VARCHAR(255)[] DEFAULT ARRAY[]::VARCHAR(255)[],
ADD COLUMN     "username_key" VARCHAR(1024);

-- AlterTable
ALTER TABLE "items" ADD COLUMN     "metadata" JSONB NOT NULL DEFAULT '{}',
ADD COLUMN     "version" INTEGER NOT NULL DEFAULT 1,
ALTER COLUMN "created_at" SET DATA TYPE TIMESTAMPTZ(3),
ALTER COLUMN "updated_at" SET DATA TYPE TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "former_usernames" (
    "digest" BYTEA NOT NULL,
    "deleted_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "former_usernames_pkey" PRIMARY KEY ("digest")
);

-- CreateTable
CREATE TABLE "idempotency_keys" (
    "subject" VARCHAR(330) NOT NULL,
    "key" VARCHAR(255) NOT NULL,
    "request_digest" BYTEA NOT NULL,
    "answer" JSONB,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "idempotency_keys_pkey" PRIMARY KEY ("subject","key")
);

-- CreateTable
CREATE TABLE "one_time_tokens" (
    "fingerprint" BYTEA NOT NULL,
    "purpose" VARCHAR(16) NOT NULL,
    "user_id" UUID,
    "email" VARCHAR(254),
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "one_time_tokens_pkey" PRIMARY KEY ("fingerprint")
);

-- CreateTable
CREATE TABLE "events" (
    "id" UUID NOT NULL,
    "action" VARCHAR(64) NOT NULL,
    "outcome" VARCHAR(16) NOT NULL,
    "actor" VARCHAR(330),
    "subject" VARCHAR(330),
    "user_id" UUID,
    "address" VARCHAR(45),
    "request_id" VARCHAR(64),
    "count" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "fold_key" BYTEA,

    CONSTRAINT "events_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "idempotency_keys_expires_at_idx" ON "idempotency_keys"("expires_at");

-- CreateIndex
CREATE INDEX "one_time_tokens_user_id_idx" ON "one_time_tokens"("user_id");

-- CreateIndex
CREATE INDEX "one_time_tokens_expires_at_idx" ON "one_time_tokens"("expires_at");

-- CreateIndex
CREATE UNIQUE INDEX "events_fold_key_key" ON "events"("fold_key");

-- CreateIndex
CREATE INDEX "events_user_id_id_idx" ON "events"("user_id", "id");

-- CreateIndex
CREATE INDEX "events_created_at_idx" ON "events"("created_at");

-- CreateIndex
CREATE UNIQUE INDEX "users_username_key_key" ON "users"("username_key");

-- CreateIndex
CREATE UNIQUE INDEX "users_email_key_key" ON "users"("email_key");

-- CreateIndex
CREATE INDEX "users_username_idx" ON "users"("username" varchar_pattern_ops);

-- CreateIndex
CREATE INDEX "items_owner_id_created_at_id_idx" ON "items"("owner_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "items_owner_id_title_id_idx" ON "items"("owner_id", "title", "id");

-- AddForeignKey
ALTER TABLE "one_time_tokens" ADD CONSTRAINT "one_time_tokens_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Who is there already keeps the name and the address. Of those that are too much alike the first one has the key
UPDATE "users" SET "username_key" = lower("username") WHERE NOT EXISTS (
  SELECT FROM "users" AS earlier WHERE lower(earlier.username) = lower("users"."username") AND earlier.id < "users"."id"
);
UPDATE "users" SET "email_key" = lower("email") WHERE NOT EXISTS (
  SELECT FROM "users" AS earlier WHERE lower(earlier.email) = lower("users"."email") AND earlier.id < "users"."id"
);

-- The keys of whoever is added or changed without them (semicolons are written \x3B, as migrations are cut at them)
CREATE FUNCTION fill_user_keys() RETURNS trigger LANGUAGE plpgsql AS
E'BEGIN
  IF TG_OP = ''INSERT'' THEN NEW.username_key := coalesce(NEW.username_key, lower(NEW.username))\x3B END IF\x3B
  NEW.email_key := lower(NEW.email)\x3B
  RETURN NEW\x3B
END';
CREATE TRIGGER users_fill_keys BEFORE INSERT OR UPDATE OF "email" ON "users" FOR EACH ROW EXECUTE FUNCTION fill_user_keys();

-- What was issued to a deleted user is not good for the next one of that name
CREATE FUNCTION remember_username() RETURNS trigger LANGUAGE plpgsql AS
E'BEGIN
  INSERT INTO former_usernames (digest) VALUES (sha256(convert_to(OLD.username, ''UTF8''))) ON CONFLICT DO NOTHING\x3B
  RETURN NULL\x3B
END';
CREATE TRIGGER users_remember_username AFTER DELETE ON "users" FOR EACH ROW EXECUTE FUNCTION remember_username();
CREATE FUNCTION begin_later_generation() RETURNS trigger LANGUAGE plpgsql AS
E'BEGIN
  IF EXISTS (SELECT FROM former_usernames WHERE digest = sha256(convert_to(NEW.username, ''UTF8''))) THEN
    NEW.generation := greatest(NEW.generation, 1)\x3B
  END IF\x3B
  RETURN NEW\x3B
END';
CREATE TRIGGER users_begin_later_generation BEFORE INSERT ON "users" FOR EACH ROW EXECUTE FUNCTION begin_later_generation();

-- Once there is an administrator there is always one who can sign in: two who go at once wait for one another
CREATE FUNCTION keep_administrator() RETURNS trigger LANGUAGE plpgsql AS
E'BEGIN
  PERFORM pg_advisory_xact_lock(hashtext(''latchkey administrators''))\x3B
  IF NOT EXISTS (SELECT FROM users WHERE scopes @> ARRAY[''users:admin'']::VARCHAR[] AND NOT disabled) THEN
    RAISE EXCEPTION ''the last administrator stays'' USING ERRCODE = ''LK001''\x3B
  END IF\x3B
  RETURN NULL\x3B
END';
CREATE TRIGGER users_keep_administrator_update AFTER UPDATE OF "scopes", "disabled" ON "users" FOR EACH ROW
WHEN (
  OLD.scopes @> ARRAY['users:admin']::VARCHAR[] AND NOT OLD.disabled
  AND (NEW.disabled OR NOT NEW.scopes @> ARRAY['users:admin']::VARCHAR[])
)
EXECUTE FUNCTION keep_administrator();
CREATE TRIGGER users_keep_administrator_delete AFTER DELETE ON "users" FOR EACH ROW
WHEN (OLD.scopes @> ARRAY['users:admin']::VARCHAR[] AND NOT OLD.disabled)
EXECUTE FUNCTION keep_administrator();

-- AddCheck (Prisma's schema cannot say these)
ALTER TABLE "users" ADD CONSTRAINT "users_scopes_check" CHECK ("scopes" IS NOT NULL AND "scopes" <@ ARRAY['users:admin', 'items:admin']::VARCHAR[]);
ALTER TABLE "former_usernames" ADD CONSTRAINT "former_usernames_digest_check" CHECK (octet_length("digest") = 32);
ALTER TABLE "items" ADD CONSTRAINT "items_version_check" CHECK ("version" > 0);
ALTER TABLE "items" ADD CONSTRAINT "items_metadata_check" CHECK (jsonb_typeof("metadata") = 'object' AND octet_length("metadata"::text) <= 65536);
ALTER TABLE "idempotency_keys" ADD CONSTRAINT "idempotency_keys_request_digest_check" CHECK (octet_length("request_digest") = 32);
ALTER TABLE "one_time_tokens" ADD CONSTRAINT "one_time_tokens_fingerprint_check" CHECK (octet_length("fingerprint") = 32);
ALTER TABLE "one_time_tokens" ADD CONSTRAINT "one_time_tokens_purpose_check" CHECK ("purpose" IN ('invitation', 'confirm_email', 'reset_password') AND ("user_id" IS NULL) = ("purpose" = 'invitation'));
ALTER TABLE "events" ADD CONSTRAINT "events_outcome_check" CHECK ("outcome" IN ('ok', 'failed'));
ALTER TABLE "events" ADD CONSTRAINT "events_count_check" CHECK ("count" > 0);

-- What was recorded stays as it is: of a row that counts failures, the count and the time of the last one rise
CREATE FUNCTION refuse_event_change() RETURNS trigger LANGUAGE plpgsql AS
E'BEGIN RAISE EXCEPTION ''events are append-only'' USING ERRCODE = ''integrity_constraint_violation''\x3B END';
CREATE TRIGGER events_append_only BEFORE UPDATE ON "events" FOR EACH ROW
WHEN (
  (OLD.id, OLD.action, OLD.outcome, OLD.actor, OLD.subject, OLD.user_id, OLD.address, OLD.request_id, OLD.created_at, OLD.fold_key)
  IS DISTINCT FROM
  (NEW.id, NEW.action, NEW.outcome, NEW.actor, NEW.subject, NEW.user_id, NEW.address, NEW.request_id, NEW.created_at, NEW.fold_key)
  OR NEW.count < OLD.count
)
EXECUTE FUNCTION refuse_event_change();

-- Administrators sign in through the first party too
UPDATE "clients" SET "scopes" = "scopes" || ARRAY['users:admin', 'items:admin']::VARCHAR[] WHERE "client_id" = 'first-party';
