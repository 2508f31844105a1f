-- No token that was issued while its user was locked out, or before, is good after the user is enabled again: a user who
-- is added as disabled begins in generation 1, and those who are disabled now begin the next one.
-- Users come first: every request that brings a token waits while the columns of clients are changed
-- (semicolons are written \x3B, as migrations are cut at them)
--
-- What was issued elsewhere to a former user is not good for the next one of that name. A name that is added with its
-- claim is refused if it was used. Of one that is added without, by a statement or by the version before, SQL cannot tell,
-- as it does not have the key of the digests: once any name has been given up, such a user begins in generation 1, and
-- until then, as in a fresh database that users are brought to, in generation 0. Whoever adds a user waits for a deletion
-- of the name that is under way
CREATE OR REPLACE FUNCTION begin_later_generation() RETURNS trigger LANGUAGE plpgsql AS
E'BEGIN
  IF NEW.name_claim IS NULL THEN
    PERFORM FROM users WHERE username = NEW.username FOR KEY SHARE\x3B
  END IF\x3B
  IF NEW.disabled
    OR EXISTS (SELECT FROM former_usernames WHERE digest = sha256(convert_to(NEW.username, ''UTF8'')))
    OR (NEW.name_claim IS NULL AND EXISTS (SELECT FROM taken_names WHERE user_id IS NULL AND NOT shared))
  THEN
    NEW.generation := greatest(NEW.generation, 1)\x3B
  END IF\x3B
  RETURN NEW\x3B
END';
UPDATE "users" SET "generation" = "generation" + 1 WHERE "disabled";

-- AlterTable
ALTER TABLE "clients" ADD COLUMN     "rights" VARCHAR(64)[] DEFAULT ARRAY[]::VARCHAR(64)[];

-- CreateTable
CREATE TABLE "former_clients" (
    "client_id" VARCHAR(64) NOT NULL,
    "generation" INTEGER NOT NULL,

    CONSTRAINT "former_clients_pkey" PRIMARY KEY ("client_id")
);

-- Until now every confidential client was told about every token: those that exist go on being told
UPDATE "clients" SET "rights" = ARRAY['introspect'] WHERE "confidential";

-- AddCheck (Prisma's schema cannot say these)
ALTER TABLE "clients" ADD CONSTRAINT "clients_rights_check" CHECK ("rights" IS NOT NULL AND "rights" <@ ARRAY['introspect']::VARCHAR[]);
ALTER TABLE "clients" ADD CONSTRAINT "clients_public_rights_check" CHECK ("confidential" OR "rights" = ARRAY[]::VARCHAR[]);

-- Whatever locks a client out or gives it another id ends all tokens that were issued to it, by whatever hand; those that
-- are disabled now begin the next generation
CREATE FUNCTION begin_client_generation() RETURNS trigger LANGUAGE plpgsql AS
E'BEGIN
  NEW.generation := greatest(NEW.generation, OLD.generation + 1)\x3B
  RETURN NEW\x3B
END';
CREATE TRIGGER clients_begin_generation BEFORE UPDATE ON "clients" FOR EACH ROW
WHEN ((NEW.disabled AND NOT OLD.disabled) OR NEW.client_id <> OLD.client_id)
EXECUTE FUNCTION begin_client_generation();
UPDATE "clients" SET "generation" = "generation" + 1 WHERE "disabled";

-- What was issued to a client that was deleted, or has another id now, is not good for the next one of its id: whoever
-- gives a client that id waits for a deletion under way
CREATE FUNCTION remember_client() RETURNS trigger LANGUAGE plpgsql AS
E'BEGIN
  INSERT INTO former_clients (client_id, generation) VALUES (OLD.client_id, OLD.generation)
  ON CONFLICT (client_id) DO UPDATE SET generation = greatest(former_clients.generation, excluded.generation)\x3B
  RETURN NULL\x3B
END';
CREATE TRIGGER clients_remember AFTER DELETE ON "clients" FOR EACH ROW EXECUTE FUNCTION remember_client();
CREATE TRIGGER clients_remember_id AFTER UPDATE ON "clients" FOR EACH ROW WHEN (NEW.client_id <> OLD.client_id) EXECUTE FUNCTION remember_client();
CREATE FUNCTION begin_later_client_generation() RETURNS trigger LANGUAGE plpgsql AS
E'BEGIN
  PERFORM FROM clients WHERE client_id = NEW.client_id FOR KEY SHARE\x3B
  NEW.generation := greatest(
    NEW.generation,
    (SELECT generation + 1 FROM former_clients WHERE client_id = NEW.client_id)
  )\x3B
  RETURN NEW\x3B
END';
CREATE TRIGGER clients_begin_later_generation BEFORE INSERT ON "clients" FOR EACH ROW EXECUTE FUNCTION begin_later_client_generation();
CREATE TRIGGER clients_begin_later_generation_of_id BEFORE UPDATE ON "clients" FOR EACH ROW WHEN (NEW.client_id <> OLD.client_id) EXECUTE FUNCTION begin_later_client_generation();
