-- CreateTable
CREATE TABLE "imported_hashes" (
    "user_id" UUID NOT NULL,
    "hash" VARCHAR(512) NOT NULL,
    "work_kind" VARCHAR(64) NOT NULL,
    "work_units" INTEGER NOT NULL,

    CONSTRAINT "imported_hashes_pkey" PRIMARY KEY ("user_id")
);

-- CreateIndex
CREATE INDEX "imported_hashes_work_kind_work_units_idx" ON "imported_hashes"("work_kind", "work_units");

-- AddForeignKey
ALTER TABLE "imported_hashes" ADD CONSTRAINT "imported_hashes_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddCheck (Prisma's schema cannot express these)
ALTER TABLE "imported_hashes" ADD CONSTRAINT "imported_hashes_hash_check" CHECK ("hash" ~ '^[\x21-\x7E]+$');
ALTER TABLE "imported_hashes" ADD CONSTRAINT "imported_hashes_work_check" CHECK ("work_kind" <> '' AND "work_units" > 0);

-- An imported hash is that of the password that the user had when the user's own hash was stored. It goes with any change of
-- the latter, also by the version before (semicolons are written \x3B, as migrations are cut at them)
CREATE FUNCTION delete_imported_hash() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
E'BEGIN DELETE FROM imported_hashes WHERE user_id = NEW.id\x3B RETURN NULL\x3B END';
CREATE TRIGGER users_delete_imported_hash AFTER UPDATE OF "hashed_password" ON "users" FOR EACH ROW
WHEN (NEW.hashed_password <> OLD.hashed_password)
EXECUTE FUNCTION delete_imported_hash();
