-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateTable
CREATE TABLE "users" (
    "id" UUID NOT NULL,
    "username" VARCHAR(255) NOT NULL,
    "email" VARCHAR(254),
    "full_name" VARCHAR(255),
    "hashed_password" VARCHAR(60) NOT NULL,
    "disabled" BOOLEAN NOT NULL DEFAULT false,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "users_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "items" (
    "id" UUID NOT NULL,
    "owner_id" UUID NOT NULL,
    "item_id" VARCHAR(128) NOT NULL,
    "title" VARCHAR(255),
    "description" VARCHAR(4096),
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "items_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "signing_keys" (
    "id" UUID NOT NULL,
    "algorithm" VARCHAR(16) NOT NULL,
    "secret" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "signing_keys_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "users_username_key" ON "users"("username");

-- CreateIndex
CREATE INDEX "items_owner_id_id_idx" ON "items"("owner_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "items_owner_id_item_id_key" ON "items"("owner_id", "item_id");

-- AddForeignKey
ALTER TABLE "items" ADD CONSTRAINT "items_owner_id_fkey" FOREIGN KEY ("owner_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddCheck (Prisma's schema cannot say these)
ALTER TABLE "users" ADD CONSTRAINT "users_username_check" CHECK ("username" <> '');
ALTER TABLE "users" ADD CONSTRAINT "users_hashed_password_check" CHECK ("hashed_password" ~ '^\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}$');
ALTER TABLE "items" ADD CONSTRAINT "items_item_id_check" CHECK ("item_id" <> '');
ALTER TABLE "signing_keys" ADD CONSTRAINT "signing_keys_secret_check" CHECK (octet_length("secret") >= 32);
