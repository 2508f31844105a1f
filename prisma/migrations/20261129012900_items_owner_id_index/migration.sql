-- The index of the next primary key. Building it takes long where there are many items, and locks none of them
CREATE UNIQUE INDEX CONCURRENTLY "items_owner_id_id_key" ON "items"("owner_id", "id");
