-- Views of amsql's history (--to parquet:DATASET) in Spark SQL 3.4 or later:
--   spark-sql --conf spark.sql.session.timeZone=UTC -i <(sed 's|DATASET|/var/lib/amsql/history|' spark.sql)
-- The views last as long as the Spark session, and show the snapshots that existed when it began.

create temporary view snapshot_files (taken_at timestamp, shard bigint, shards bigint, connection string, amsql_version string, elapsed_ms double, fingerprint_key string, missing string, clock_skew_seconds bigint, server string, date date, snapshot string, relation string)
using parquet options (path 'DATASET');

create temporary view snapshot as
select date, server, taken_at, shard, shards, connection, amsql_version, elapsed_ms, fingerprint_key, missing, clock_skew_seconds
from snapshot_files
where relation = 'snapshot';

create temporary view session_files (taken_at timestamp, session string, username string, realm string, universal_id string, identity_type string, session_handle string, latest_access_time timestamp, max_idle_expiration_time timestamp, max_session_expiration_time timestamp, is_current boolean, is_expired boolean, creation_time timestamp, auth_level bigint, auth_type string, service string, client_ip string, tracking_id string, session_type string, properties string, server string, date date, snapshot string, relation string)
using parquet options (path 'DATASET');

create temporary view session as
select date, server, taken_at, session, username, realm, universal_id, identity_type, session_handle, latest_access_time, max_idle_expiration_time, max_session_expiration_time, is_current, is_expired, creation_time, auth_level, auth_type, service, client_ip, tracking_id, session_type, properties
from session_files
  join (select server, date, snapshot from snapshot_files where relation = 'snapshot') s using (server, date, snapshot)
where relation = 'session';

create temporary view session_scan_files (taken_at timestamp, shard bigint, shards bigint, realm string, source string, sessions bigint, list_cap bigint, list_cap_known boolean, completeness string, identities bigint, identities_cut bigint, reason string, requests bigint, started_at timestamp, elapsed_ms double, error string, server string, date date, snapshot string, relation string)
using parquet options (path 'DATASET');

create temporary view session_scan as
select date, server, taken_at, shard, shards, realm, source, sessions, list_cap, list_cap_known, case completeness when 'whole' then 'complete' when 'by user' then 'by_user' when 'cut' then 'truncated' else completeness end as completeness, identities, identities_cut, reason, requests, started_at, elapsed_ms, error
from session_scan_files
  join (select server, date, snapshot from snapshot_files where relation = 'snapshot') s using (server, date, snapshot)
where relation = 'session_scan';

create temporary view realm_files (taken_at timestamp, path string, name string, parent_path string, active boolean, aliases string, id string, akas string, server string, date date, snapshot string, relation string)
using parquet options (path 'DATASET');

create temporary view realm as
select date, server, taken_at, path, name, parent_path, active, aliases, id, akas
from realm_files
  join (select server, date, snapshot from snapshot_files where relation = 'snapshot') s using (server, date, snapshot)
where relation = 'realm';

create temporary view session_service_files (taken_at timestamp, realm string, source string, max_session_minutes bigint, max_idle_minutes bigint, max_caching_minutes bigint, quota_limit bigint, client_side_sessions boolean, server string, date date, snapshot string, relation string)
using parquet options (path 'DATASET');

create temporary view session_service as
select date, server, taken_at, realm, source, max_session_minutes, max_idle_minutes, max_caching_minutes, quota_limit, client_side_sessions
from session_service_files
  join (select server, date, snapshot from snapshot_files where relation = 'snapshot') s using (server, date, snapshot)
where relation = 'session_service';

create temporary view identity_files (taken_at timestamp, username string, realm string, login_name string, status string, is_active boolean, title string, server string, date date, snapshot string, relation string)
using parquet options (path 'DATASET');

create temporary view identity as
select date, server, taken_at, username, realm, login_name, status, is_active, title
from identity_files
  join (select server, date, snapshot from snapshot_files where relation = 'snapshot') s using (server, date, snapshot)
where relation = 'identity';

create temporary view deployment_files (taken_at timestamp, product string, version string, full_version string, revision string, build_date string, sessions_api string, account string, login_realm string, cookie_name string, secure_cookie boolean, cookie_domains string, list_cap bigint, list_cap_source string, clock_skew_seconds bigint, server string, date date, snapshot string, relation string)
using parquet options (path 'DATASET');

create temporary view deployment as
select date, server, taken_at, product, version, full_version, revision, build_date, sessions_api, account, login_realm, cookie_name, secure_cookie, cookie_domains, list_cap, list_cap_source, clock_skew_seconds
from deployment_files
  join (select server, date, snapshot from snapshot_files where relation = 'snapshot') s using (server, date, snapshot)
where relation = 'deployment';

create temporary view am_latest as
select
  server as base_url,
  coalesce(max(case when taken_at <= current_timestamp() + interval 1 minute then whole end), max(case when taken_at <= current_timestamp() + interval 1 minute then taken_at end), max(taken_at)) as taken_at
from (
  select server, taken_at, case when count(*) = max(shards) and min(shards) = max(shards) then taken_at end as whole
  from snapshot
  group by server, taken_at
) s
group by server;

create temporary view am_session as select username, realm, universal_id, identity_type, session_handle, latest_access_time, max_idle_expiration_time, max_session_expiration_time, is_current, is_expired, creation_time, auth_level, auth_type, service, client_ip, tracking_id, session_type, properties, username || ' @ ' || realm as title, server as base_url, session from (select r.* from session r join am_latest l on l.base_url = r.server and l.taken_at = r.taken_at) r;

create temporary view merged_session_scan as
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

create temporary view am_session_scan as select realm, source, sessions, list_cap, list_cap_known, completeness, identities, identities_cut, reason, requests, started_at, elapsed_ms, error, realm as title, server as base_url from (select r.* from merged_session_scan r join am_latest l on l.base_url = r.server and l.taken_at = r.taken_at) r;

create temporary view am_realm as select path, name, parent_path, active, aliases, id, path as title, akas, server as base_url from (select r.* from realm r join am_latest l on l.base_url = r.server and l.taken_at = r.taken_at) r;

create temporary view am_session_service as select realm, source, max_session_minutes, max_idle_minutes, max_caching_minutes, quota_limit, client_side_sessions, realm as title, server as base_url from (select r.* from session_service r join am_latest l on l.base_url = r.server and l.taken_at = r.taken_at) r;

create temporary view am_user as select username, realm, login_name, status, is_active, title, server as base_url from (select r.* from identity r join am_latest l on l.base_url = r.server and l.taken_at = r.taken_at) r;

create temporary view am_server as select server as base_url, product, version, full_version, revision, build_date, sessions_api, account, login_realm, cookie_name, secure_cookie, cookie_domains, list_cap, list_cap_source, clock_skew_seconds, server as title from (select r.* from deployment r join am_latest l on l.base_url = r.server and l.taken_at = r.taken_at) r;

create temporary view am_snapshot as
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
create temporary view am_scan_proof as
select
  server,
  realm,
  taken_at,
  min(case when completeness <> 'truncated' then taken_at end) over (
    partition by server, realm order by taken_at rows between 1 following and unbounded following
  ) as next_proof
from merged_session_scan;

create temporary view am_session_history as
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
create temporary view am_session_seen as
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

create temporary view am_session_change as
select base_url, realm, username, session, 'appeared' as change, first_seen as seen_at from am_session_history
union all
select base_url, realm, username, session, 'vanished' as change, gone_by as seen_at from am_session_history where gone_by is not null;

create temporary view am_concurrency as
select
  server as base_url,
  taken_at,
  realm,
  case when completeness <> 'truncated' then sessions end as sessions,
  sessions as at_least,
  completeness,
  error
from merged_session_scan;
