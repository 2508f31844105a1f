-- Events of before get the transaction of this migration: the default is evaluated once, and the table is not rewritten
ALTER TABLE "events" ADD COLUMN "xid" xid8 NOT NULL DEFAULT pg_current_xact_id();

-- CreateTable
CREATE TABLE "webhooks" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "name" VARCHAR(64) NOT NULL,
    "url" VARCHAR(2048) NOT NULL,
    "actions" VARCHAR(64)[] DEFAULT ARRAY[]::VARCHAR(64)[],
    "ca" VARCHAR(65536),
    "sealed_secret" BYTEA NOT NULL,
    "sealed_previous_secret" BYTEA,
    "sealed_under" CHAR(16) NOT NULL,
    "previous_until" TIMESTAMPTZ(6),
    "disabled_at" TIMESTAMPTZ(6),
    "disabled_reason" VARCHAR(16),
    "failing_since" TIMESTAMPTZ(6),
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "webhooks_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "outbox" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "kind" VARCHAR(16) NOT NULL,
    "target" VARCHAR(64) NOT NULL,
    "payload" JSONB NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT clock_timestamp(),
    "next_attempt_at" TIMESTAMPTZ(6) DEFAULT clock_timestamp(),
    "gives_up_at" TIMESTAMPTZ(6) NOT NULL DEFAULT (clock_timestamp() + '24:00:00'::interval),
    "last_attempt_at" TIMESTAMPTZ(6),
    "delivered_at" TIMESTAMPTZ(6),
    "last_failure" VARCHAR(200),
    "expires_at" TIMESTAMPTZ(6) NOT NULL DEFAULT (clock_timestamp() + '7 days'::interval),

    CONSTRAINT "outbox_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "webhooks_name_key" ON "webhooks"("name");

-- CreateIndex
CREATE INDEX "outbox_kind_target_next_attempt_at_idx" ON "outbox"("kind", "target", "next_attempt_at");

-- CreateIndex
CREATE INDEX "outbox_expires_at_idx" ON "outbox"("expires_at");

-- AddCheck (Prisma's schema cannot express these)
ALTER TABLE "webhooks" ADD CONSTRAINT "webhooks_name_check" CHECK ("name" ~ '^[a-z0-9]+(-[a-z0-9]+)*$');
ALTER TABLE "webhooks" ADD CONSTRAINT "webhooks_url_check" CHECK ("url" ~ '^https?://[!-~]+$');
ALTER TABLE "webhooks" ADD CONSTRAINT "webhooks_actions_check" CHECK ("actions" IS NOT NULL AND cardinality("actions") <= 100 AND array_position("actions", NULL) IS NULL);
ALTER TABLE "webhooks" ADD CONSTRAINT "webhooks_previous_check" CHECK (("sealed_previous_secret" IS NULL) = ("previous_until" IS NULL));
ALTER TABLE "webhooks" ADD CONSTRAINT "webhooks_disabled_check" CHECK (("disabled_at" IS NULL) = ("disabled_reason" IS NULL) AND "disabled_reason" IN ('operator', 'gone', 'failing'));
ALTER TABLE "outbox" ADD CONSTRAINT "outbox_kind_check" CHECK ("kind" = 'webhook');
ALTER TABLE "outbox" ADD CONSTRAINT "outbox_attempts_check" CHECK ("attempts" >= 0);
ALTER TABLE "outbox" ADD CONSTRAINT "outbox_delivered_check" CHECK ("delivered_at" IS NULL OR "next_attempt_at" IS NULL);
ALTER TABLE "departures" DROP CONSTRAINT "departures_kind_check";
ALTER TABLE "departures" ADD CONSTRAINT "departures_kind_check" CHECK ("kind" IN ('user', 'client', 'resource', 'caller', 'inviter', 'scope', 'former_logins', 'user_lost_scope', 'scope_lost', 'client_blocks', 'resource_blocks', 'webhook'));

-- The time of the last change by an operator
CREATE TRIGGER webhooks_touch BEFORE UPDATE OF "name", "url", "actions", "ca", "sealed_secret", "disabled_at" ON "webhooks" FOR EACH ROW EXECUTE FUNCTION touch_row();

-- Messages of a deleted webhook are removed in batches
CREATE TRIGGER webhooks_note_departure AFTER DELETE ON "webhooks" FOR EACH ROW EXECUTE FUNCTION note_departure('webhook', 'id');

-- Of failures that are counted in one row, the 1st, 10th, 100th, … count as new events (semicolons are written \x3B, as
-- migrations are cut at them)
CREATE FUNCTION renew_event() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
E'BEGIN
  NEW.xid := pg_current_xact_id()\x3B
  RETURN NEW\x3B
END';
CREATE TRIGGER events_renew BEFORE UPDATE ON "events" FOR EACH ROW
WHEN (NEW.count > OLD.count AND NEW.count IN (10, 100, 1000, 10000, 100000, 1000000))
EXECUTE FUNCTION renew_event();

-- Whatever statement records events, those of the version before too, their messages are written with them. Events of another
-- transaction, as of a restored backup, are not new. Only with messages there is a notification: PostgreSQL commits the
-- transactions that notify one after the other
CREATE FUNCTION send_events() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
E'BEGIN
  INSERT INTO outbox (kind, target, payload)
  SELECT ''webhook'', webhooks.id, to_jsonb(recorded) - ''{user_id,fold_key,xid}''::TEXT[]
  FROM webhooks JOIN recorded ON actions = ''{}'' OR action = ANY (actions)
  WHERE disabled_at IS NULL AND xid = pg_current_xact_id()\x3B
  IF FOUND THEN PERFORM pg_notify(''latchkey_changes'', ''outbox:webhook'')\x3B END IF\x3B
  RETURN NULL\x3B
END';
CREATE TRIGGER events_send_inserted AFTER INSERT ON "events" REFERENCING NEW TABLE AS recorded FOR EACH STATEMENT EXECUTE FUNCTION send_events();
CREATE TRIGGER events_send_renewed AFTER UPDATE ON "events" REFERENCING NEW TABLE AS recorded FOR EACH STATEMENT EXECUTE FUNCTION send_events();
