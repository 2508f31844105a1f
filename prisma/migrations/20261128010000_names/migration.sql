-- AlterTable
ALTER TABLE "users" ADD COLUMN     "name_claim" VARCHAR(32);

-- CreateTable
CREATE TABLE "taken_names" (
    "digest" BYTEA NOT NULL,
    "user_id" UUID,
    "shared" BOOLEAN NOT NULL,
    "mac_key_id" CHAR(16) NOT NULL,

    CONSTRAINT "taken_names_pkey" PRIMARY KEY ("digest")
);

-- CreateIndex
CREATE INDEX "taken_names_user_id_shared_idx" ON "taken_names"("user_id", "shared");

-- CreateIndex
CREATE INDEX "users_name_claim_idx" ON "users"("name_claim");

-- AddCheck (Prisma's schema cannot say these)
ALTER TABLE "taken_names" ADD CONSTRAINT "taken_names_digest_check" CHECK (octet_length("digest") = 32);
ALTER TABLE "taken_names" ADD CONSTRAINT "taken_names_shared_check" CHECK (NOT ("shared" AND "user_id" IS NOT NULL));

-- Claims all keys of a name for a user, or none: whether they were free (semicolons are written \x3B, as migrations are
-- cut at them). A shared key is free for all who share it. Keys are claimed in one order, so that two never wait for
-- each other
CREATE FUNCTION claim_username(claimant UUID, username TEXT, mac_key CHAR(16), digests BYTEA[], are_shared BOOLEAN[])
RETURNS BOOLEAN LANGUAGE plpgsql AS
E'DECLARE claimed INTEGER\x3B
BEGIN
  IF EXISTS (SELECT FROM former_usernames WHERE digest = sha256(convert_to(username, ''UTF8''))) THEN
    RETURN false\x3B
  END IF\x3B
  INSERT INTO taken_names (digest, user_id, shared, mac_key_id)
  SELECT key.digest, CASE WHEN key.shared THEN NULL ELSE claimant END, key.shared, mac_key
  FROM unnest(digests, are_shared) AS key (digest, shared)
  ORDER BY key.digest
  ON CONFLICT (digest) DO UPDATE SET shared = true WHERE taken_names.shared AND excluded.shared\x3B
  GET DIAGNOSTICS claimed = ROW_COUNT\x3B
  IF claimed < cardinality(digests) THEN
    RAISE unique_violation\x3B
  END IF\x3B
  RETURN true\x3B
EXCEPTION WHEN unique_violation THEN
  RETURN false\x3B
END';

-- A name that was used stays taken, by whatever hand its user goes or is renamed: by its keys or, where they are not there
-- yet, by its spelling. A renamed user begins in generation 1 at least, as the new name may have been another user's
CREATE OR REPLACE FUNCTION remember_username() RETURNS trigger LANGUAGE plpgsql AS
E'BEGIN
  UPDATE taken_names SET user_id = NULL WHERE user_id = OLD.id\x3B
  IF OLD.name_claim IS NULL THEN
    INSERT INTO former_usernames (digest) VALUES (sha256(convert_to(OLD.username, ''UTF8''))) ON CONFLICT DO NOTHING\x3B
  END IF\x3B
  IF TG_OP = ''UPDATE'' THEN
    NEW.name_claim := NULL\x3B
    NEW.username_key := lower(NEW.username)\x3B
    NEW.generation := greatest(NEW.generation, 1)\x3B
    RETURN NEW\x3B
  END IF\x3B
  RETURN NULL\x3B
END';
CREATE TRIGGER users_remember_former_username BEFORE UPDATE OF "username" ON "users" FOR EACH ROW
WHEN (NEW.username <> OLD.username)
EXECUTE FUNCTION remember_username();
