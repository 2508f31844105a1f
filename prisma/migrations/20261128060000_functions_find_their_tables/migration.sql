-- Functions of triggers look for tables in the search path of the session that fires them. If the tables are in a schema beside
-- those of another program, whose users table may have the same name, that would be the wrong one for a session that writes
-- latchkey.users. The functions keep the search path under which this migration runs: the schema of the tables alone
ALTER FUNCTION begin_later_client_generation() SET search_path FROM CURRENT;
ALTER FUNCTION begin_later_generation() SET search_path FROM CURRENT;
ALTER FUNCTION claim_username(UUID, TEXT, CHAR, BYTEA[], BOOLEAN[]) SET search_path FROM CURRENT;
ALTER FUNCTION end_invitations() SET search_path FROM CURRENT;
ALTER FUNCTION fill_token_generation() SET search_path FROM CURRENT;
ALTER FUNCTION forget_answers() SET search_path FROM CURRENT;
ALTER FUNCTION hold_caller() SET search_path FROM CURRENT;
ALTER FUNCTION keep_administrator() SET search_path FROM CURRENT;
ALTER FUNCTION remember_client() SET search_path FROM CURRENT;
ALTER FUNCTION remember_username() SET search_path FROM CURRENT;
