-- AlterTable
ALTER TABLE "users" ADD COLUMN     "hash_cost" SMALLINT;

-- The two digits behind the version of a bcrypt hash are its cost (semicolons are written \x3B, as migrations are cut at them)
CREATE FUNCTION fill_hash_cost() RETURNS trigger LANGUAGE plpgsql AS
E'BEGIN
  NEW.hash_cost := substring(NEW.hashed_password FROM ''^[$]2[aby][$]([0-9]{2})[$]'')::smallint\x3B
  RETURN NEW\x3B
END';
CREATE TRIGGER users_fill_hash_cost BEFORE INSERT OR UPDATE OF "hashed_password" ON "users" FOR EACH ROW EXECUTE FUNCTION fill_hash_cost();
UPDATE "users" SET "hash_cost" = substr("hashed_password", 5, 2)::smallint;

-- CreateIndex
CREATE INDEX "users_hash_cost_idx" ON "users"("hash_cost");
