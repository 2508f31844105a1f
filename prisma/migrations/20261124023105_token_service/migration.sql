-- These keys signed the tokens of a deployment without a shared secret. Those tokens end here: their users log in again.
DELETE FROM "signing_keys";

-- AlterTable
ALTER TABLE "users" ADD COLUMN     "generation" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "rehashed_at" TIMESTAMPTZ(6);

-- AlterTable
ALTER TABLE "signing_keys" DROP CONSTRAINT "signing_keys_pkey",
DROP COLUMN "id",
DROP COLUMN "secret",
ADD COLUMN     "kid" VARCHAR(43) NOT NULL,
ADD COLUMN     "public_jwk" JSONB NOT NULL,
ADD COLUMN     "retired_at" TIMESTAMPTZ(6),
ADD COLUMN     "sealed_private_key" BYTEA,
ADD COLUMN     "sealed_under" CHAR(16) NOT NULL,
ADD COLUMN     "signs_at" TIMESTAMPTZ(6) NOT NULL,
ADD COLUMN     "token_ttl_seconds" INTEGER NOT NULL,
ALTER COLUMN "algorithm" SET DATA TYPE VARCHAR(5),
ADD CONSTRAINT "signing_keys_pkey" PRIMARY KEY ("kid");

-- CreateTable
CREATE TABLE "clients" (
    "client_id" VARCHAR(64) NOT NULL,
    "name" VARCHAR(255) NOT NULL,
    "confidential" BOOLEAN NOT NULL,
    "grants" VARCHAR(64)[],
    "scopes" VARCHAR(255)[],
    "disabled" BOOLEAN NOT NULL DEFAULT false,
    "generation" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "clients_pkey" PRIMARY KEY ("client_id")
);

-- CreateTable
CREATE TABLE "client_secrets" (
    "client_id" VARCHAR(64) NOT NULL,
    "slot" SMALLINT NOT NULL,
    "digest" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_used_at" TIMESTAMPTZ(6),

    CONSTRAINT "client_secrets_pkey" PRIMARY KEY ("client_id","slot")
);

-- CreateTable
CREATE TABLE "token_families" (
    "id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "client_id" VARCHAR(64) NOT NULL,
    "scope" VARCHAR(1024) NOT NULL,
    "user_generation" INTEGER NOT NULL,
    "client_generation" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "refreshable_until" TIMESTAMPTZ(6) NOT NULL,
    "expires_at" TIMESTAMPTZ(6) NOT NULL,
    "revoked_at" TIMESTAMPTZ(6),

    CONSTRAINT "token_families_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "refresh_tokens" (
    "fingerprint" BYTEA NOT NULL,
    "family_id" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(6) NOT NULL,
    "used_at" TIMESTAMPTZ(6),

    CONSTRAINT "refresh_tokens_pkey" PRIMARY KEY ("fingerprint")
);

-- CreateTable
CREATE TABLE "revoked_tokens" (
    "fingerprint" BYTEA NOT NULL,
    "expires_at" TIMESTAMPTZ(6) NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "revoked_tokens_pkey" PRIMARY KEY ("fingerprint")
);

-- CreateTable
CREATE TABLE "mac_keys" (
    "id" SMALLINT NOT NULL DEFAULT 1,
    "sealed_key" BYTEA NOT NULL,
    "sealed_under" CHAR(16) NOT NULL,

    CONSTRAINT "mac_keys_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "token_families_user_id_idx" ON "token_families"("user_id");

-- CreateIndex
CREATE INDEX "token_families_client_id_idx" ON "token_families"("client_id");

-- CreateIndex
CREATE INDEX "token_families_expires_at_idx" ON "token_families"("expires_at");

-- CreateIndex
CREATE INDEX "refresh_tokens_family_id_idx" ON "refresh_tokens"("family_id");

-- CreateIndex
CREATE INDEX "revoked_tokens_expires_at_idx" ON "revoked_tokens"("expires_at");

-- AddForeignKey
ALTER TABLE "client_secrets" ADD CONSTRAINT "client_secrets_client_id_fkey" FOREIGN KEY ("client_id") REFERENCES "clients"("client_id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "token_families" ADD CONSTRAINT "token_families_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "token_families" ADD CONSTRAINT "token_families_client_id_fkey" FOREIGN KEY ("client_id") REFERENCES "clients"("client_id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "refresh_tokens" ADD CONSTRAINT "refresh_tokens_family_id_fkey" FOREIGN KEY ("family_id") REFERENCES "token_families"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddCheck (Prisma's schema cannot say these)
ALTER TABLE "users" ADD CONSTRAINT "users_username_no_client_check" CHECK ("username" NOT LIKE 'client:%');
ALTER TABLE "clients" ADD CONSTRAINT "clients_client_id_check" CHECK ("client_id" ~ '^[A-Za-z0-9._-]+$');
ALTER TABLE "clients" ADD CONSTRAINT "clients_grants_check" CHECK ("grants" IS NOT NULL AND "grants" <@ ARRAY['password', 'refresh_token', 'client_credentials']::VARCHAR[]);
ALTER TABLE "clients" ADD CONSTRAINT "clients_scopes_check" CHECK ("scopes" IS NOT NULL AND array_to_string("scopes", '') ~ '^[\x21\x23-\x5B\x5D-\x7E]*$' AND NOT '' = ANY ("scopes"));
ALTER TABLE "clients" ADD CONSTRAINT "clients_public_check" CHECK ("confidential" OR NOT 'client_credentials' = ANY ("grants"));
ALTER TABLE "client_secrets" ADD CONSTRAINT "client_secrets_slot_check" CHECK ("slot" IN (1, 2));
ALTER TABLE "client_secrets" ADD CONSTRAINT "client_secrets_digest_check" CHECK (octet_length("digest") = 32);
ALTER TABLE "refresh_tokens" ADD CONSTRAINT "refresh_tokens_fingerprint_check" CHECK (octet_length("fingerprint") = 32);
ALTER TABLE "revoked_tokens" ADD CONSTRAINT "revoked_tokens_fingerprint_check" CHECK (octet_length("fingerprint") = 32);
ALTER TABLE "signing_keys" ADD CONSTRAINT "signing_keys_algorithm_check" CHECK ("algorithm" IN ('ES256', 'RS256'));
ALTER TABLE "signing_keys" ADD CONSTRAINT "signing_keys_retired_check" CHECK (("sealed_private_key" IS NULL) = ("retired_at" IS NOT NULL));
ALTER TABLE "mac_keys" ADD CONSTRAINT "mac_keys_id_check" CHECK ("id" = 1);

-- The client of requests that name none, as the tutorial's do
INSERT INTO "clients" ("client_id", "name", "confidential", "grants", "scopes")
VALUES ('first-party', 'First party', false, ARRAY['password', 'refresh_token'], ARRAY['me', 'items:read', 'items:write']);

-- Whatever locks a user out or changes his password ends all his tokens with it
-- (The function's semicolons are written \x3B: what applies migrations cuts them at every semicolon.)
CREATE FUNCTION begin_user_generation() RETURNS trigger LANGUAGE plpgsql AS
E'BEGIN NEW.generation := OLD.generation + 1\x3B RETURN NEW\x3B END';

CREATE TRIGGER users_begin_generation BEFORE UPDATE ON "users" FOR EACH ROW
WHEN (
  (NEW.disabled AND NOT OLD.disabled)
  OR (NEW.hashed_password <> OLD.hashed_password AND NEW.rehashed_at IS NOT DISTINCT FROM OLD.rehashed_at)
)
EXECUTE FUNCTION begin_user_generation();
