-- CreateTable
CREATE TABLE "guess_counts" (
    "key" BYTEA NOT NULL,
    "budget" INTEGER NOT NULL,
    "failures" INTEGER NOT NULL,
    "blocked_until" TIMESTAMPTZ(6) NOT NULL,
    "expires_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "guess_counts_pkey" PRIMARY KEY ("key")
);

-- CreateTable
CREATE TABLE "known_networks" (
    "digest" BYTEA NOT NULL,
    "expires_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "known_networks_pkey" PRIMARY KEY ("digest")
);

-- CreateIndex
CREATE INDEX "guess_counts_expires_at_idx" ON "guess_counts"("expires_at");

-- CreateIndex
CREATE INDEX "known_networks_expires_at_idx" ON "known_networks"("expires_at");

-- AddCheck (Prisma's schema cannot say these)
ALTER TABLE "guess_counts" ADD CONSTRAINT "guess_counts_key_check" CHECK (octet_length("key") = 32);
ALTER TABLE "guess_counts" ADD CONSTRAINT "guess_counts_failures_check" CHECK ("failures" >= 0 AND "budget" > 0);
ALTER TABLE "known_networks" ADD CONSTRAINT "known_networks_digest_check" CHECK (octet_length("digest") = 32);
