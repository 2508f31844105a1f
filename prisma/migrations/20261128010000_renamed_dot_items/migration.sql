-- Items that no address can name get another name, which their owners see in their lists (semicolons are written \x3B, as
-- migrations are cut at them)
DO E'DECLARE renamed RECORD\x3B
BEGIN
  FOR renamed IN
    UPDATE items SET item_id = ''dots-'' || items.id, version = items.version + 1, updated_at = now()
    FROM items AS former JOIN users ON users.id = former.owner_id
    WHERE items.id = former.id AND items.item_id ~ ''^[.]+$''
    RETURNING users.username, former.item_id AS former_id, items.item_id
  LOOP
    RAISE NOTICE ''the item % of % is called % now'', renamed.former_id, renamed.username, renamed.item_id\x3B
  END LOOP\x3B
END';

ALTER TABLE "items" VALIDATE CONSTRAINT "items_item_id_dots_check";
