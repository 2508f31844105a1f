-- The backlog of webhooks is found by these, however many messages were delivered (Prisma's schema cannot express indexes of parts
-- of tables)
CREATE INDEX "outbox_pending_idx" ON "outbox"("kind", "target", "created_at") WHERE "next_attempt_at" IS NOT NULL;
CREATE INDEX "outbox_dead_idx" ON "outbox"("kind", "target") WHERE "next_attempt_at" IS NULL AND "delivered_at" IS NULL;
