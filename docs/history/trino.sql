-- Tables and views of amsql's history (--to parquet:DATASET) in Trino, in a schema of a Hive catalog with
-- hive.timestamp-precision = MICROSECONDS and hive.parquet.time-zone = UTC:
--   trino --catalog hive --schema amsql --file <(sed 's|DATASET|s3://bucket/history|' trino.sql)
-- To see new snapshots: call system.sync_partition_metadata('amsql', 'session_files', 'ADD'), and the same for each other table.

create table snapshot_files (taken_at timestamp(6), shard bigint, shards bigint, connection varchar, amsql_version varchar, elapsed_ms double, fingerprint_key varchar, missing varchar, clock_skew_seconds bigint, server varchar, date date, snapshot varchar, relation varchar)
with (format = 'PARQUET', external_location = 'DATASET', partitioned_by = array['server', 'date', 'snapshot', 'relation']);

call system.sync_partition_metadata('amsql', 'snapshot_files', 'ADD');

create view snapshot as
select date, server, taken_at, shard, shards, connection, amsql_version, elapsed_ms, fingerprint_key, missing, clock_skew_seconds
from snapshot_files
where relation = 'snapshot';

create table session_files (taken_at timestamp(6), session varchar, username varchar, realm varchar, universal_id varchar, identity_type varchar, session_handle varchar, latest_access_time timestamp(6), max_idle_expiration_time timestamp(6), max_session_expiration_time timestamp(6), is_current boolean, is_expired boolean, creation_time timestamp(6), auth_level bigint, auth_type varchar, service varchar, client_ip varchar, tracking_id varchar, session_type varchar, properties varchar, server varchar, date date, snapshot varchar, relation varchar)
with (format = 'PARQUET', external_location = 'DATASET', partitioned_by = array['server', 'date', 'snapshot', 'relation']);

call system.sync_partition_metadata('amsql', 'session_files', 'ADD');

create view session as
select date, server, taken_at, session, username, realm, universal_id, identity_type, session_handle, latest_access_time, max_idle_expiration_time, max_session_expiration_time, is_current, is_expired, creation_time, auth_level, auth_type, service, client_ip, tracking_id, session_type, properties
from session_files
  join (select server, date, snapshot from snapshot_files where relation = 'snapshot') s using (server, date, snapshot)
where relation = 'session';

create table session_scan_files (taken_at timestamp(6), shard bigint, shards bigint, realm varchar, source varchar, sessions bigint, list_cap bigint, list_cap_known boolean, completeness varchar, identities bigint, identities_cut bigint, reason varchar, requests bigint, started_at timestamp(6), elapsed_ms double, error varchar, server varchar, date date, snapshot varchar, relation varchar)
with (format = 'PARQUET', external_location = 'DATASET', partitioned_by = array['server', 'date', 'snapshot', 'relation']);

call system.sync_partition_metadata('amsql', 'session_scan_files', 'ADD');

create view session_scan as
select date, server, taken_at, shard, shards, realm, source, sessions, list_cap, list_cap_known, case completeness when 'whole' then 'complete' when 'by user' then 'by_user' when 'cut' then 'truncated' else completeness end as completeness, identities, identities_cut, reason, requests, started_at, elapsed_ms, error
from session_scan_files
  join (select server, date, snapshot from snapshot_files where relation = 'snapshot') s using (server, date, snapshot)
where relation = 'session_scan';

create table realm_files (taken_at timestamp(6), path varchar, name varchar, parent_path varchar, active boolean, aliases varchar, id varchar, akas varchar, server varchar, date date, snapshot varchar, relation varchar)
with (format = 'PARQUET', external_location = 'DATASET', partitioned_by = array['server', 'date', 'snapshot', 'relation']);

call system.sync_partition_metadata('amsql', 'realm_files', 'ADD');

create view realm as
select date, server, taken_at, path, name, parent_path, active, aliases, id, akas
from realm_files
  join (select server, date, snapshot from snapshot_files where relation = 'snapshot') s using (server, date, snapshot)
where relation = 'realm';

create table session_service_files (taken_at timestamp(6), realm varchar, source varchar, max_session_minutes bigint, max_idle_minutes bigint, max_caching_minutes bigint, quota_limit bigint, client_side_sessions boolean, server varchar, date date, snapshot varchar, relation varchar)
with (format = 'PARQUET', external_location = 'DATASET', partitioned_by = array['server', 'date', 'snapshot', 'relation']);

call system.sync_partition_metadata('amsql', 'session_service_files', 'ADD');

create view session_service as
select date, server, taken_at, realm, source, max_session_minutes, max_idle_minutes, max_caching_minutes, quota_limit, client_side_sessions
from session_service_files
  join (select server, date, snapshot from snapshot_files where relation = 'snapshot') s using (server, date, snapshot)
where relation = 'session_service';

create table identity_files (taken_at timestamp(6), username varchar, realm varchar, login_name varchar, status varchar, is_active boolean, title varchar, server varchar, date date, snapshot varchar, relation varchar)
with (format = 'PARQUET', external_location = 'DATASET', partitioned_by = array['server', 'date', 'snapshot', 'relation']);

call system.sync_partition_metadata('amsql', 'identity_files', 'ADD');

create view identity as
select date, server, taken_at, username, realm, login_name, status, is_active, title
from identity_files
  join (select server, date, snapshot from snapshot_files where relation = 'snapshot') s using (server, date, snapshot)
where relation = 'identity';

create table deployment_files (taken_at timestamp(6), product varchar, version varchar, full_version varchar, revision varchar, build_date varchar, sessions_api varchar, account varchar, login_realm varchar, cookie_name varchar, secure_cookie boolean, cookie_domains varchar, list_cap bigint, list_cap_source varchar, clock_skew_seconds bigint, server varchar, date date, snapshot varchar, relation varchar)
with (format = 'PARQUET', external_location = 'DATASET', partitioned_by = array['server', 'date', 'snapshot', 'relation']);

call system.sync_partition_metadata('amsql', 'deployment_files', 'ADD');

create view deployment as
select date, server, taken_at, product, version, full_version, revision, build_date, sessions_api, account, login_realm, cookie_name, secure_cookie, cookie_domains, list_cap, list_cap_source, clock_skew_seconds
from deployment_files
  join (select server, date, snapshot from snapshot_files where relation = 'snapshot') s using (server, date, snapshot)
where relation = 'deployment';

create view am_latest as
select
  server as base_url,
  coalesce(max(case when taken_at <= cast(current_timestamp at time zone 'UTC' as timestamp(6)) + interval '1' minute then whole end), max(case when taken_at <= cast(current_timestamp at time zone 'UTC' as timestamp(6)) + interval '1' minute then taken_at end), max(taken_at)) as taken_at
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
    coalesce(lead(s.taken_at) over (partition by s.server, s.session order by s.taken_at), timestamp '9999-12-31 00:00:00'),
    coalesce(p.next_proof, timestamp '9999-12-31 00:00:00'),
    coalesce(s.max_session_expiration_time, timestamp '9999-12-31 00:00:00')
  ), timestamp '9999-12-31 00:00:00') as valid_until,
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
