-- An item is found by its owner and its id, never by its id alone: a table that is divided by owner has no index on the id.
-- The index exists already, so the table is locked only for a moment. If another transaction holds the table for longer, such as
-- that of a backup, this fails instead of making all requests wait behind it. The next start repeats it
SET LOCAL lock_timeout = '2s';

ALTER TABLE "items" DROP CONSTRAINT "items_pkey";
ALTER INDEX "items_owner_id_id_key" RENAME TO "items_pkey";
ALTER TABLE "items" ADD CONSTRAINT "items_pkey" PRIMARY KEY USING INDEX "items_pkey";
