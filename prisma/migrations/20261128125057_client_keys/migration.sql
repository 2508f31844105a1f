-- CreateTable
CREATE TABLE "client_keys" (
    "client_id" VARCHAR(64) NOT NULL,
    "jwks" JSONB,
    "jwks_uri" VARCHAR(2048),
    "allow_private_host" BOOLEAN NOT NULL DEFAULT false,
    "ca" VARCHAR(65536),
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "client_keys_pkey" PRIMARY KEY ("client_id")
);

-- CreateTable
CREATE TABLE "trusted_issuers" (
    "client_id" VARCHAR(64) NOT NULL,
    "issuer" VARCHAR(512) NOT NULL,
    "subject_pattern" VARCHAR(512) NOT NULL,
    "audience" VARCHAR(2048),
    "jwks" JSONB,
    "jwks_uri" VARCHAR(2048),
    "allow_private_host" BOOLEAN NOT NULL DEFAULT false,
    "ca" VARCHAR(65536),
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "trusted_issuers_pkey" PRIMARY KEY ("client_id","issuer","subject_pattern")
);

-- CreateTable
CREATE TABLE "assertion_uses" (
    "digest" BYTEA NOT NULL,
    "expires_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "assertion_uses_pkey" PRIMARY KEY ("digest")
);

-- CreateIndex
CREATE INDEX "assertion_uses_expires_at_idx" ON "assertion_uses"("expires_at");

-- AddForeignKey
ALTER TABLE "client_keys" ADD CONSTRAINT "client_keys_client_id_fkey" FOREIGN KEY ("client_id") REFERENCES "clients"("client_id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "trusted_issuers" ADD CONSTRAINT "trusted_issuers_client_id_fkey" FOREIGN KEY ("client_id") REFERENCES "clients"("client_id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddCheck (Prisma's schema cannot say these)
ALTER TABLE "client_keys" ADD CONSTRAINT "client_keys_source_check" CHECK (("jwks" IS NULL) <> ("jwks_uri" IS NULL));
ALTER TABLE "client_keys" ADD CONSTRAINT "client_keys_jwks_check" CHECK ("jwks" IS NULL OR (jsonb_typeof("jwks" -> 'keys') IS NOT DISTINCT FROM 'array' AND octet_length("jwks"::text) <= 131072));
ALTER TABLE "client_keys" ADD CONSTRAINT "client_keys_jwks_uri_check" CHECK ("jwks_uri" LIKE 'https://%');
ALTER TABLE "client_keys" ADD CONSTRAINT "client_keys_fetch_check" CHECK ("jwks" IS NULL OR ("ca" IS NULL AND NOT "allow_private_host"));

ALTER TABLE "trusted_issuers" ADD CONSTRAINT "trusted_issuers_source_check" CHECK ("jwks" IS NULL OR "jwks_uri" IS NULL);
ALTER TABLE "trusted_issuers" ADD CONSTRAINT "trusted_issuers_jwks_check" CHECK ("jwks" IS NULL OR (jsonb_typeof("jwks" -> 'keys') IS NOT DISTINCT FROM 'array' AND octet_length("jwks"::text) <= 131072));
ALTER TABLE "trusted_issuers" ADD CONSTRAINT "trusted_issuers_jwks_uri_check" CHECK ("jwks_uri" LIKE 'https://%');
ALTER TABLE "trusted_issuers" ADD CONSTRAINT "trusted_issuers_fetch_check" CHECK ("jwks" IS NULL OR ("ca" IS NULL AND NOT "allow_private_host"));
ALTER TABLE "trusted_issuers" ADD CONSTRAINT "trusted_issuers_issuer_check" CHECK ("issuer" ~ '^https://[\x21-\x7e]+$');
ALTER TABLE "trusted_issuers" ADD CONSTRAINT "trusted_issuers_audience_check" CHECK ("audience" ~ '^[\x21-\x7e]+$' AND "audience" <> "issuer");
-- A pattern is ASCII, and has a * at most as its last segment, after two others: one segment alone is the same for all
-- subjects of a platform (repo:*), and so are the first two of Kubernetes
ALTER TABLE "trusted_issuers" ADD CONSTRAINT "trusted_issuers_subject_pattern_check" CHECK (
  "subject_pattern" ~ '^[\x21-\x7e]+$' AND (
    "subject_pattern" !~ '[*]' OR (
      regexp_replace("subject_pattern", '^[a-z][a-z0-9+.-]*://', '') ~ '^[^*:/]+[:/][^*]*[^*:/][:/][*]$'
      AND "subject_pattern" <> 'system:serviceaccount:*'
    )
  )
);

ALTER TABLE "assertion_uses" ADD CONSTRAINT "assertion_uses_digest_check" CHECK (octet_length("digest") = 32);

-- Replicas that have a client in memory receive changes of its keys as changes of the client
CREATE TRIGGER client_keys_announce_change AFTER INSERT OR UPDATE OR DELETE ON "client_keys" FOR EACH ROW EXECUTE FUNCTION announce_change('client', 'client_id');
CREATE TRIGGER trusted_issuers_announce_change AFTER INSERT OR UPDATE OR DELETE ON "trusted_issuers" FOR EACH ROW EXECUTE FUNCTION announce_change('client', 'client_id');
CREATE TRIGGER client_keys_announce_truncation AFTER TRUNCATE ON "client_keys" EXECUTE FUNCTION announce_truncation();
CREATE TRIGGER trusted_issuers_announce_truncation AFTER TRUNCATE ON "trusted_issuers" EXECUTE FUNCTION announce_truncation();
ALTER TABLE "client_keys" ENABLE ALWAYS TRIGGER "client_keys_announce_change";
ALTER TABLE "trusted_issuers" ENABLE ALWAYS TRIGGER "trusted_issuers_announce_change";
ALTER TABLE "client_keys" ENABLE ALWAYS TRIGGER "client_keys_announce_truncation";
ALTER TABLE "trusted_issuers" ENABLE ALWAYS TRIGGER "trusted_issuers_announce_truncation";
