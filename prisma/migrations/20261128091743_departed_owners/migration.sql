-- The items of a deleted user are removed in batches afterwards, as a cascade to many of them takes longer than a request
-- may. Their owner is therefore no foreign key

-- DropForeignKey
ALTER TABLE "items" DROP CONSTRAINT "items_owner_id_fkey";

-- CreateTable
CREATE TABLE "departed_owners" (
    "owner_id" UUID NOT NULL,
    "departed_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "departed_owners_pkey" PRIMARY KEY ("owner_id")
);

-- An item is added or changed only while its owner exists: the statement waits for a deletion of the owner that is under
-- way, and the deletion for the statement. The error of a new item is that of the former foreign key, while changes pass
-- over the items of a deleted user (semicolons are written \x3B, as migrations are cut at them)
CREATE FUNCTION require_item_owner() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
E'BEGIN
  PERFORM FROM users WHERE id = NEW.owner_id FOR KEY SHARE\x3B
  IF NOT FOUND AND TG_OP = ''UPDATE'' THEN RETURN NULL\x3B END IF\x3B
  IF NOT FOUND THEN
    RAISE foreign_key_violation USING CONSTRAINT = ''items_owner_id_fkey'', MESSAGE = ''the owner of the item does not exist''\x3B
  END IF\x3B
  RETURN NEW\x3B
END';
CREATE TRIGGER items_require_owner BEFORE INSERT OR UPDATE ON "items" FOR EACH ROW EXECUTE FUNCTION require_item_owner();

-- By any statement that deletes a user, those of the version before too
CREATE FUNCTION note_departed_owner() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
E'BEGIN
  INSERT INTO departed_owners (owner_id) VALUES (OLD.id) ON CONFLICT DO NOTHING\x3B
  RETURN NULL\x3B
END';
CREATE TRIGGER users_note_departed_owner AFTER DELETE ON "users" FOR EACH ROW EXECUTE FUNCTION note_departed_owner();

CREATE FUNCTION truncate_items() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
E'BEGIN
  TRUNCATE items\x3B
  RETURN NULL\x3B
END';
CREATE TRIGGER users_truncate_items AFTER TRUNCATE ON "users" EXECUTE FUNCTION truncate_items();
