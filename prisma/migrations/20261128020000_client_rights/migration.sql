-- No token that was issued while its user was locked out, or before, is good after the user is enabled again: a user who
-- is added as disabled begins in generation 1, and those who are disabled now begin the next one.
-- Users come first: every request that brings a token waits while the columns of clients are changed
-- (semicolons are written \x3B, as migrations are cut at them)
CREATE OR REPLACE FUNCTION begin_later_generation() RETURNS trigger LANGUAGE plpgsql AS
E'BEGIN
  IF NEW.disabled OR EXISTS (
    SELECT FROM former_usernames WHERE digest = sha256(convert_to(NEW.username, ''UTF8''))
  ) THEN
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

-- What was issued to a deleted client is not good for the next one of its id: whoever adds that one waits for a deletion
-- under way
CREATE FUNCTION remember_client() RETURNS trigger LANGUAGE plpgsql AS
E'BEGIN
  INSERT INTO former_clients (client_id, generation) VALUES (OLD.client_id, OLD.generation)
  ON CONFLICT (client_id) DO UPDATE SET generation = greatest(former_clients.generation, excluded.generation)\x3B
  RETURN NULL\x3B
END';
CREATE TRIGGER clients_remember AFTER DELETE ON "clients" FOR EACH ROW EXECUTE FUNCTION remember_client();
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
