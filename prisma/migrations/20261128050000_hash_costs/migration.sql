-- The highest cost at which a password was hashed is read at each login. The two digits behind the version of a bcrypt hash
-- are its cost, by a check. An index alone, without a column, writes no row: nobody is changed, touched or announced
CREATE INDEX "users_hash_cost_idx" ON "users" ((substr("hashed_password", 5, 2)::smallint));
