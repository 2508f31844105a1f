import { query } from '../database/query.js'

/**
 * Functions and catalogues of Citus, in the schema of our tables, for what `latchkey scale` asks them: where a cluster is not
 * at hand. They keep a list of what is where and move no rows. Their shapes are those of Citus 13.2.
 *
 * `settings` of a node override those of this server. One that is `silent` answers nobody, one that is `unreachable` only
 * the coordinator, one that is `ignorant` cannot tell whom it reaches, and one that has a `refusal` answers with it.
 */
const standIn = `
  CREATE TABLE pg_dist_node (
    nodeid int PRIMARY KEY, groupid int, nodename text DEFAULT 'node', nodeport int, isactive bool DEFAULT true,
    noderole text DEFAULT 'primary', shouldhaveshards bool DEFAULT true, silent bool DEFAULT false,
    unreachable bool DEFAULT false, ignorant bool DEFAULT false, refusal text, settings jsonb DEFAULT '{"wal_level":"logical","statement_timeout":"0"}');
  INSERT INTO pg_dist_node (nodeid, groupid, nodeport, shouldhaveshards)
    VALUES (1, 0, 5000, false), (2, 1, 5001, true), (3, 2, 5002, true);
  CREATE TABLE pg_dist_partition (logicalrelid regclass, partmethod "char", partkey text, repmodel "char" DEFAULT 's');
  CREATE TABLE pg_dist_shard (logicalrelid regclass, shardid bigint);
  CREATE TABLE citus_shards (table_name regclass, shardid bigint, nodename text, nodeport int, shard_size bigint);
  CREATE TABLE pg_dist_cleanup (record_id int);
  CREATE TABLE rebalances (job_id bigint, state text, started_at timestamptz, details jsonb, outcome text DEFAULT 'finished');
  CREATE TABLE moves (shardid bigint, shard_size bigint);

  CREATE FUNCTION citus_version() RETURNS text LANGUAGE sql AS 'SELECT ''Citus 13.2.2 on stand-in''';
  CREATE FUNCTION citus_is_coordinator() RETURNS bool LANGUAGE sql AS 'SELECT true';
  CREATE FUNCTION column_to_column_name(regclass, text) RETURNS text LANGUAGE sql AS 'SELECT $2';

  CREATE FUNCTION run_command_on_all_nodes(command text, OUT nodeid int, OUT success bool, OUT result text)
  RETURNS SETOF record LANGUAGE plpgsql AS $$
  DECLARE node record;
  BEGIN
    FOR node IN SELECT * FROM pg_dist_node WHERE isactive LOOP
      nodeid := node.nodeid;
      BEGIN
        IF node.refusal IS NOT NULL THEN RAISE '%', node.refusal; END IF;
        EXECUTE command INTO result;
        success := NOT node.silent;
        result := CASE WHEN success THEN (result::jsonb || node.settings)::text ELSE 'failed to connect to node:1' END;
      EXCEPTION WHEN OTHERS THEN
        success := false;
        result := 'ERROR:  ' || SQLERRM;
      END;
      RETURN NEXT;
    END LOOP;
  END $$;

  CREATE FUNCTION citus_check_cluster_node_health(
    OUT from_nodename text, OUT from_nodeport int, OUT to_nodename text, OUT to_nodeport int, OUT result bool)
  RETURNS SETOF record LANGUAGE sql AS $$
    SELECT source.nodename, source.nodeport, target.nodename, target.nodeport,
      CASE WHEN NOT (source.silent OR source.ignorant) THEN NOT (target.silent OR (target.unreachable AND source.groupid > 0)) END
    FROM pg_dist_node AS source, pg_dist_node AS target WHERE source.isactive AND target.isactive $$;

  CREATE FUNCTION create_distributed_table_concurrently(table_name regclass, distribution_column text, shard_count int)
  RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = table_name AND NOT tgisinternal) THEN
      RAISE 'cannot distribute relation because it has triggers';
    END IF;
    RAISE NOTICE 'splitting one shard';
    DELETE FROM pg_dist_partition WHERE logicalrelid = table_name;
    INSERT INTO pg_dist_partition VALUES (table_name, 'h', distribution_column);
    INSERT INTO pg_dist_shard SELECT table_name, generate_series(1, shard_count);
    INSERT INTO citus_shards SELECT table_name, shardid, 'node', 5001 + shardid % 2, 1024 FROM pg_dist_shard;
  END $$;

  CREATE FUNCTION undistribute_table(table_name regclass) RETURNS void LANGUAGE sql AS $$
    DELETE FROM pg_dist_partition; DELETE FROM pg_dist_shard; DELETE FROM citus_shards $$;

  CREATE FUNCTION get_rebalance_table_shards_plan() RETURNS SETOF moves LANGUAGE sql AS 'SELECT * FROM moves';
  CREATE FUNCTION citus_rebalance_start() RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO rebalances VALUES (7, 'running', '2026-01-01T00:00:00Z', '{"tasks": [], "task_state_counts": {"done": 1}}')
    RETURNING job_id $$;
  CREATE FUNCTION citus_rebalance_wait() RETURNS void LANGUAGE sql AS 'UPDATE rebalances SET state = outcome';
  CREATE FUNCTION citus_rebalance_status() RETURNS SETOF rebalances LANGUAGE sql AS
    'SELECT * FROM rebalances ORDER BY job_id DESC LIMIT 1'`

/** Makes a database appear as that of the coordinator of a cluster with two workers. */
export async function installStandIn(url: string): Promise<void> {
  await query(url, standIn)
}
