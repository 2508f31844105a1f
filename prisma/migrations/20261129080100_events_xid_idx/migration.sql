-- Readers find by it what was committed since they read last. Building it takes long where there are many events, and locks none
-- of them
CREATE INDEX CONCURRENTLY "events_xid_idx" ON "events"("xid");
