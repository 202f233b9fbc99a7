-- Views of amsql's history (--to parquet:DATASET) in DuckDB 1.2 or later:
--   sed 's|DATASET|/var/lib/amsql/history|' duckdb.sql | duckdb history.duckdb
-- The dataset can also be in a bucket (s3://…) for which DuckDB has a secret.

create view snapshot_files as
select
  * exclude (filename),
  url_decode(regexp_extract(filename, 'server=([^/\\]*).date=([^/\\]*).snapshot=([^/\\]*).relation=snapshot', 1)) as server,
  cast(regexp_extract(filename, 'server=([^/\\]*).date=([^/\\]*).snapshot=([^/\\]*).relation=snapshot', 2) as date) as date,
  regexp_extract(filename, 'server=([^/\\]*).date=([^/\\]*).snapshot=([^/\\]*).relation=snapshot', 3) as snapshot,
  'snapshot' as relation
from read_parquet(
  'DATASET/server=*/date=*/snapshot=*/relation=snapshot/*.parquet',
  hive_partitioning = false,
  filename = true,
  schema = map {
    'taken_at': {name: 'taken_at', type: 'timestamptz', default_value: null},
    'shard': {name: 'shard', type: 'bigint', default_value: null},
    'shards': {name: 'shards', type: 'bigint', default_value: null},
    'connection': {name: 'connection', type: 'varchar', default_value: null},
    'amsql_version': {name: 'amsql_version', type: 'varchar', default_value: null},
    'elapsed_ms': {name: 'elapsed_ms', type: 'double', default_value: null},
    'fingerprint_key': {name: 'fingerprint_key', type: 'varchar', default_value: null},
    'missing': {name: 'missing', type: 'varchar', default_value: null},
    'clock_skew_seconds': {name: 'clock_skew_seconds', type: 'bigint', default_value: null}
  }
);

create view snapshot as
select date, server, taken_at, shard, shards, connection, amsql_version, elapsed_ms, fingerprint_key, missing, clock_skew_seconds
from snapshot_files
where relation = 'snapshot';

create view session_files as
select
  * exclude (filename),
  url_decode(regexp_extract(filename, 'server=([^/\\]*).date=([^/\\]*).snapshot=([^/\\]*).relation=session', 1)) as server,
  cast(regexp_extract(filename, 'server=([^/\\]*).date=([^/\\]*).snapshot=([^/\\]*).relation=session', 2) as date) as date,
  regexp_extract(filename, 'server=([^/\\]*).date=([^/\\]*).snapshot=([^/\\]*).relation=session', 3) as snapshot,
  'session' as relation
from read_parquet(
  'DATASET/server=*/date=*/snapshot=*/relation=session/*.parquet',
  hive_partitioning = false,
  filename = true,
  schema = map {
    'taken_at': {name: 'taken_at', type: 'timestamptz', default_value: null},
    'session': {name: 'session', type: 'varchar', default_value: null},
    'username': {name: 'username', type: 'varchar', default_value: null},
    'realm': {name: 'realm', type: 'varchar', default_value: null},
    'universal_id': {name: 'universal_id', type: 'varchar', default_value: null},
    'identity_type': {name: 'identity_type', type: 'varchar', default_value: null},
    'session_handle': {name: 'session_handle', type: 'varchar', default_value: null},
    'latest_access_time': {name: 'latest_access_time', type: 'timestamptz', default_value: null},
    'max_idle_expiration_time': {name: 'max_idle_expiration_time', type: 'timestamptz', default_value: null},
    'max_session_expiration_time': {name: 'max_session_expiration_time', type: 'timestamptz', default_value: null},
    'is_current': {name: 'is_current', type: 'boolean', default_value: null},
    'is_expired': {name: 'is_expired', type: 'boolean', default_value: null},
    'creation_time': {name: 'creation_time', type: 'timestamptz', default_value: null},
    'auth_level': {name: 'auth_level', type: 'bigint', default_value: null},
    'auth_type': {name: 'auth_type', type: 'varchar', default_value: null},
    'service': {name: 'service', type: 'varchar', default_value: null},
    'client_ip': {name: 'client_ip', type: 'varchar', default_value: null},
    'tracking_id': {name: 'tracking_id', type: 'varchar', default_value: null},
    'session_type': {name: 'session_type', type: 'varchar', default_value: null},
    'properties': {name: 'properties', type: 'varchar', default_value: null}
  }
);

create view session as
select date, server, taken_at, session, username, realm, universal_id, identity_type, session_handle, latest_access_time, max_idle_expiration_time, max_session_expiration_time, is_current, is_expired, creation_time, auth_level, auth_type, service, client_ip, tracking_id, session_type, properties
from session_files
  join (select server, date, snapshot from snapshot_files where relation = 'snapshot') s using (server, date, snapshot)
where relation = 'session';

create view session_scan_files as
select
  * exclude (filename),
  url_decode(regexp_extract(filename, 'server=([^/\\]*).date=([^/\\]*).snapshot=([^/\\]*).relation=session_scan', 1)) as server,
  cast(regexp_extract(filename, 'server=([^/\\]*).date=([^/\\]*).snapshot=([^/\\]*).relation=session_scan', 2) as date) as date,
  regexp_extract(filename, 'server=([^/\\]*).date=([^/\\]*).snapshot=([^/\\]*).relation=session_scan', 3) as snapshot,
  'session_scan' as relation
from read_parquet(
  'DATASET/server=*/date=*/snapshot=*/relation=session_scan/*.parquet',
  hive_partitioning = false,
  filename = true,
  schema = map {
    'taken_at': {name: 'taken_at', type: 'timestamptz', default_value: null},
    'shard': {name: 'shard', type: 'bigint', default_value: null},
    'shards': {name: 'shards', type: 'bigint', default_value: null},
    'realm': {name: 'realm', type: 'varchar', default_value: null},
    'source': {name: 'source', type: 'varchar', default_value: null},
    'sessions': {name: 'sessions', type: 'bigint', default_value: null},
    'list_cap': {name: 'list_cap', type: 'bigint', default_value: null},
    'list_cap_known': {name: 'list_cap_known', type: 'boolean', default_value: null},
    'completeness': {name: 'completeness', type: 'varchar', default_value: null},
    'identities': {name: 'identities', type: 'bigint', default_value: null},
    'identities_cut': {name: 'identities_cut', type: 'bigint', default_value: null},
    'reason': {name: 'reason', type: 'varchar', default_value: null},
    'requests': {name: 'requests', type: 'bigint', default_value: null},
    'started_at': {name: 'started_at', type: 'timestamptz', default_value: null},
    'elapsed_ms': {name: 'elapsed_ms', type: 'double', default_value: null},
    'error': {name: 'error', type: 'varchar', default_value: null}
  }
);

create view session_scan as
select date, server, taken_at, shard, shards, realm, source, sessions, list_cap, list_cap_known, case completeness when 'whole' then 'complete' when 'by user' then 'by_user' when 'cut' then 'truncated' else completeness end as completeness, identities, identities_cut, reason, requests, started_at, elapsed_ms, error
from session_scan_files
  join (select server, date, snapshot from snapshot_files where relation = 'snapshot') s using (server, date, snapshot)
where relation = 'session_scan';

create view realm_files as
select
  * exclude (filename),
  url_decode(regexp_extract(filename, 'server=([^/\\]*).date=([^/\\]*).snapshot=([^/\\]*).relation=realm', 1)) as server,
  cast(regexp_extract(filename, 'server=([^/\\]*).date=([^/\\]*).snapshot=([^/\\]*).relation=realm', 2) as date) as date,
  regexp_extract(filename, 'server=([^/\\]*).date=([^/\\]*).snapshot=([^/\\]*).relation=realm', 3) as snapshot,
  'realm' as relation
from read_parquet(
  'DATASET/server=*/date=*/snapshot=*/relation=realm/*.parquet',
  hive_partitioning = false,
  filename = true,
  schema = map {
    'taken_at': {name: 'taken_at', type: 'timestamptz', default_value: null},
    'path': {name: 'path', type: 'varchar', default_value: null},
    'name': {name: 'name', type: 'varchar', default_value: null},
    'parent_path': {name: 'parent_path', type: 'varchar', default_value: null},
    'active': {name: 'active', type: 'boolean', default_value: null},
    'aliases': {name: 'aliases', type: 'varchar', default_value: null},
    'id': {name: 'id', type: 'varchar', default_value: null},
    'akas': {name: 'akas', type: 'varchar', default_value: null}
  }
);

create view realm as
select date, server, taken_at, path, name, parent_path, active, aliases, id, akas
from realm_files
  join (select server, date, snapshot from snapshot_files where relation = 'snapshot') s using (server, date, snapshot)
where relation = 'realm';

create view session_service_files as
select
  * exclude (filename),
  url_decode(regexp_extract(filename, 'server=([^/\\]*).date=([^/\\]*).snapshot=([^/\\]*).relation=session_service', 1)) as server,
  cast(regexp_extract(filename, 'server=([^/\\]*).date=([^/\\]*).snapshot=([^/\\]*).relation=session_service', 2) as date) as date,
  regexp_extract(filename, 'server=([^/\\]*).date=([^/\\]*).snapshot=([^/\\]*).relation=session_service', 3) as snapshot,
  'session_service' as relation
from read_parquet(
  'DATASET/server=*/date=*/snapshot=*/relation=session_service/*.parquet',
  hive_partitioning = false,
  filename = true,
  schema = map {
    'taken_at': {name: 'taken_at', type: 'timestamptz', default_value: null},
    'realm': {name: 'realm', type: 'varchar', default_value: null},
    'source': {name: 'source', type: 'varchar', default_value: null},
    'max_session_minutes': {name: 'max_session_minutes', type: 'bigint', default_value: null},
    'max_idle_minutes': {name: 'max_idle_minutes', type: 'bigint', default_value: null},
    'max_caching_minutes': {name: 'max_caching_minutes', type: 'bigint', default_value: null},
    'quota_limit': {name: 'quota_limit', type: 'bigint', default_value: null},
    'client_side_sessions': {name: 'client_side_sessions', type: 'boolean', default_value: null}
  }
);

create view session_service as
select date, server, taken_at, realm, source, max_session_minutes, max_idle_minutes, max_caching_minutes, quota_limit, client_side_sessions
from session_service_files
  join (select server, date, snapshot from snapshot_files where relation = 'snapshot') s using (server, date, snapshot)
where relation = 'session_service';

create view identity_files as
select
  * exclude (filename),
  url_decode(regexp_extract(filename, 'server=([^/\\]*).date=([^/\\]*).snapshot=([^/\\]*).relation=identity', 1)) as server,
  cast(regexp_extract(filename, 'server=([^/\\]*).date=([^/\\]*).snapshot=([^/\\]*).relation=identity', 2) as date) as date,
  regexp_extract(filename, 'server=([^/\\]*).date=([^/\\]*).snapshot=([^/\\]*).relation=identity', 3) as snapshot,
  'identity' as relation
from read_parquet(
  'DATASET/server=*/date=*/snapshot=*/relation=identity/*.parquet',
  hive_partitioning = false,
  filename = true,
  schema = map {
    'taken_at': {name: 'taken_at', type: 'timestamptz', default_value: null},
    'username': {name: 'username', type: 'varchar', default_value: null},
    'realm': {name: 'realm', type: 'varchar', default_value: null},
    'login_name': {name: 'login_name', type: 'varchar', default_value: null},
    'status': {name: 'status', type: 'varchar', default_value: null},
    'is_active': {name: 'is_active', type: 'boolean', default_value: null},
    'title': {name: 'title', type: 'varchar', default_value: null}
  }
);

create view identity as
select date, server, taken_at, username, realm, login_name, status, is_active, title
from identity_files
  join (select server, date, snapshot from snapshot_files where relation = 'snapshot') s using (server, date, snapshot)
where relation = 'identity';

create view deployment_files as
select
  * exclude (filename),
  url_decode(regexp_extract(filename, 'server=([^/\\]*).date=([^/\\]*).snapshot=([^/\\]*).relation=deployment', 1)) as server,
  cast(regexp_extract(filename, 'server=([^/\\]*).date=([^/\\]*).snapshot=([^/\\]*).relation=deployment', 2) as date) as date,
  regexp_extract(filename, 'server=([^/\\]*).date=([^/\\]*).snapshot=([^/\\]*).relation=deployment', 3) as snapshot,
  'deployment' as relation
from read_parquet(
  'DATASET/server=*/date=*/snapshot=*/relation=deployment/*.parquet',
  hive_partitioning = false,
  filename = true,
  schema = map {
    'taken_at': {name: 'taken_at', type: 'timestamptz', default_value: null},
    'product': {name: 'product', type: 'varchar', default_value: null},
    'version': {name: 'version', type: 'varchar', default_value: null},
    'full_version': {name: 'full_version', type: 'varchar', default_value: null},
    'revision': {name: 'revision', type: 'varchar', default_value: null},
    'build_date': {name: 'build_date', type: 'varchar', default_value: null},
    'sessions_api': {name: 'sessions_api', type: 'varchar', default_value: null},
    'account': {name: 'account', type: 'varchar', default_value: null},
    'login_realm': {name: 'login_realm', type: 'varchar', default_value: null},
    'cookie_name': {name: 'cookie_name', type: 'varchar', default_value: null},
    'secure_cookie': {name: 'secure_cookie', type: 'boolean', default_value: null},
    'cookie_domains': {name: 'cookie_domains', type: 'varchar', default_value: null},
    'list_cap': {name: 'list_cap', type: 'bigint', default_value: null},
    'list_cap_source': {name: 'list_cap_source', type: 'varchar', default_value: null},
    'clock_skew_seconds': {name: 'clock_skew_seconds', type: 'bigint', default_value: null}
  }
);

create view deployment as
select date, server, taken_at, product, version, full_version, revision, build_date, sessions_api, account, login_realm, cookie_name, secure_cookie, cookie_domains, list_cap, list_cap_source, clock_skew_seconds
from deployment_files
  join (select server, date, snapshot from snapshot_files where relation = 'snapshot') s using (server, date, snapshot)
where relation = 'deployment';

create view am_latest as
select
  server as base_url,
  coalesce(max(case when taken_at <= now() + interval 1 minute then whole end), max(case when taken_at <= now() + interval 1 minute then taken_at end), max(taken_at)) as taken_at
from (
  select server, taken_at, case when count(*) = max(shards) and min(shards) = max(shards) then taken_at end as whole
  from snapshot
  group by server, taken_at
) s
group by server;

create view am_session as select username, realm, universal_id, identity_type, session_handle, latest_access_time, max_idle_expiration_time, max_session_expiration_time, is_current, is_expired, creation_time, auth_level, auth_type, service, client_ip, tracking_id, session_type, properties, username || ' @ ' || realm as title, server as base_url, session from (select r.* from session r join am_latest l on l.base_url = r.server and l.taken_at = r.taken_at) r;

create view merged_session_scan as
select
  server,
  taken_at,
  realm,
  min_by(source, shard) as source,
  cast(sum(sessions) as bigint) as sessions,
  min_by(list_cap, shard) as list_cap,
  min_by(list_cap_known, shard) as list_cap_known,
  case when count(*) < max(shards) or min(shards) < max(shards) or count(case when completeness = 'truncated' then 1 end) > 0 then 'truncated' else min(completeness) end as completeness,
  cast(sum(identities) as bigint) as identities,
  cast(sum(identities_cut) as bigint) as identities_cut,
  coalesce(min(reason), case when min(shards) < max(shards) then 'its shards are of several numbers' when count(*) < max(shards) then 'only ' || cast(count(*) as varchar(20)) || ' of ' || cast(max(shards) as varchar(20)) || ' shards are kept' end) as reason,
  cast(sum(requests) as bigint) as requests,
  min_by(started_at, shard) as started_at,
  max(elapsed_ms) as elapsed_ms,
  min(error) as error
from session_scan
group by server, taken_at, realm;

create view am_session_scan as select realm, source, sessions, list_cap, list_cap_known, completeness, identities, identities_cut, reason, requests, started_at, elapsed_ms, error, realm as title, server as base_url from (select r.* from merged_session_scan r join am_latest l on l.base_url = r.server and l.taken_at = r.taken_at) r;

create view am_realm as select path, name, parent_path, active, aliases, id, path as title, akas, server as base_url from (select r.* from realm r join am_latest l on l.base_url = r.server and l.taken_at = r.taken_at) r;

create view am_session_service as select realm, source, max_session_minutes, max_idle_minutes, max_caching_minutes, quota_limit, client_side_sessions, realm as title, server as base_url from (select r.* from session_service r join am_latest l on l.base_url = r.server and l.taken_at = r.taken_at) r;

create view am_user as select username, realm, login_name, status, is_active, title, server as base_url from (select r.* from identity r join am_latest l on l.base_url = r.server and l.taken_at = r.taken_at) r;

create view am_server as select server as base_url, product, version, full_version, revision, build_date, sessions_api, account, login_realm, cookie_name, secure_cookie, cookie_domains, list_cap, list_cap_source, clock_skew_seconds, server as title from (select r.* from deployment r join am_latest l on l.base_url = r.server and l.taken_at = r.taken_at) r;

create view am_snapshot as
select
  s.server as base_url,
  s.taken_at,
  s.connection,
  cast(coalesce(sum(c.sessions), 0) as bigint) as sessions,
  count(c.realm) as realms,
  count(case when c.completeness = 'truncated' then 1 end) as realms_cut,
  count(c.error) as realms_failed,
  s.missing,
  s.elapsed_ms,
  s.amsql_version,
  s.fingerprint_key,
  s.shards,
  s.shards_kept,
  s.clock_skew_seconds
from (
  select
    server,
    taken_at,
    min(connection) as connection,
    min(missing) as missing,
    max(elapsed_ms) as elapsed_ms,
    min(amsql_version) as amsql_version,
    min(fingerprint_key) as fingerprint_key,
    max(shards) as shards,
    count(*) as shards_kept,
    max(clock_skew_seconds) as clock_skew_seconds
  from snapshot
  group by server, taken_at
) s
  left join merged_session_scan c on c.server = s.server and c.taken_at = s.taken_at
group by s.server, s.taken_at, s.connection, s.missing, s.elapsed_ms, s.amsql_version, s.fingerprint_key, s.shards, s.shards_kept, s.clock_skew_seconds;

-- The scans, each with the time of the next scan of the realm that proves which sessions have ended.
create view am_scan_proof as
select
  server,
  realm,
  taken_at,
  min(case when completeness <> 'truncated' then taken_at end) over (
    partition by server, realm order by taken_at rows between 1 following and unbounded following
  ) as next_proof
from merged_session_scan;

create view am_session_history as
select
  h.server as base_url,
  h.realm,
  h.username,
  h.session,
  h.first_seen,
  h.last_seen,
  p.next_proof as gone_by,
  h.snapshots,
  h.last_access,
  h.max_session_expiration_time,
  h.creation_time,
  h.client_ip,
  h.service,
  h.auth_level
from (
  select
    server,
    session,
    min(realm) as realm,
    min(username) as username,
    min(taken_at) as first_seen,
    max(taken_at) as last_seen,
    count(*) as snapshots,
    max(latest_access_time) as last_access,
    max(max_session_expiration_time) as max_session_expiration_time,
    min(creation_time) as creation_time,
    min(client_ip) as client_ip,
    min(service) as service,
    min(auth_level) as auth_level
  from session
  group by server, session
) h
  left join am_scan_proof p on p.server = h.server and p.realm = h.realm and p.taken_at = h.last_seen;

-- Each session in each snapshot, with the time until which this is the latest information about it. The sessions at a given time
-- are the rows with taken_at <= time and (valid_until is null or valid_until > time).
create view am_session_seen as
select
  s.server as base_url,
  s.taken_at,
  nullif(least(
    coalesce(lead(s.taken_at) over (partition by s.server, s.session order by s.taken_at), timestamptz '9999-12-31 00:00:00+00'),
    coalesce(p.next_proof, timestamptz '9999-12-31 00:00:00+00'),
    coalesce(s.max_session_expiration_time, timestamptz '9999-12-31 00:00:00+00')
  ), timestamptz '9999-12-31 00:00:00+00') as valid_until,
  s.realm,
  s.username,
  s.session,
  s.latest_access_time,
  s.max_idle_expiration_time,
  s.max_session_expiration_time
from session s
  left join am_scan_proof p on p.server = s.server and p.realm = s.realm and p.taken_at = s.taken_at;

create view am_session_change as
select base_url, realm, username, session, 'appeared' as change, first_seen as seen_at from am_session_history
union all
select base_url, realm, username, session, 'vanished' as change, gone_by as seen_at from am_session_history where gone_by is not null;

create view am_concurrency as
select
  server as base_url,
  taken_at,
  realm,
  case when completeness <> 'truncated' then sessions end as sessions,
  sessions as at_least,
  completeness,
  error
from merged_session_scan;

-- The sessions at a given time.
create macro am_session_at(moment) as table
select * exclude (valid_until)
from am_session_seen
where taken_at <= moment and (valid_until is null or valid_until > moment);
