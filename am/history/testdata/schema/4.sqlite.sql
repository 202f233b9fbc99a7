create table if not exists snapshot (server TEXT not null, taken_at TIMESTAMP TEXT not null, shard INTEGER, shards INTEGER, connection TEXT, amsql_version TEXT, elapsed_ms DOUBLE, fingerprint_key TEXT, missing TEXT, clock_skew_seconds INTEGER, primary key (server, taken_at, shard)) without rowid;
create table if not exists session (server TEXT not null, taken_at TIMESTAMP TEXT not null, session TEXT, username TEXT, realm TEXT, universal_id TEXT, identity_type TEXT, session_handle TEXT, latest_access_time TIMESTAMP TEXT, max_idle_expiration_time TIMESTAMP TEXT, max_session_expiration_time TIMESTAMP TEXT, is_current BOOLEAN, is_expired BOOLEAN, creation_time TIMESTAMP TEXT, auth_level INTEGER, auth_type TEXT, service TEXT, client_ip TEXT, tracking_id TEXT, session_type TEXT, properties JSON TEXT, primary key (server, taken_at, session)) without rowid;
create table if not exists session_scan (server TEXT not null, taken_at TIMESTAMP TEXT not null, shard INTEGER, shards INTEGER, realm TEXT, source TEXT, sessions INTEGER, list_cap INTEGER, list_cap_known BOOLEAN, completeness TEXT, identities INTEGER, identities_cut INTEGER, reason TEXT, requests INTEGER, started_at TIMESTAMP TEXT, elapsed_ms DOUBLE, error TEXT, primary key (server, taken_at, realm, shard)) without rowid;
create table if not exists realm (server TEXT not null, taken_at TIMESTAMP TEXT not null, path TEXT, name TEXT, parent_path TEXT, active BOOLEAN, aliases JSON TEXT, id TEXT, akas JSON TEXT);
create index if not exists realm_snapshot on realm (server, taken_at);
create table if not exists session_service (server TEXT not null, taken_at TIMESTAMP TEXT not null, realm TEXT, source TEXT, max_session_minutes INTEGER, max_idle_minutes INTEGER, max_caching_minutes INTEGER, quota_limit INTEGER, client_side_sessions BOOLEAN);
create index if not exists session_service_snapshot on session_service (server, taken_at);
create table if not exists identity (server TEXT not null, taken_at TIMESTAMP TEXT not null, username TEXT, realm TEXT, login_name TEXT, status TEXT, is_active BOOLEAN, title TEXT);
create index if not exists identity_snapshot on identity (server, taken_at);
create table if not exists deployment (server TEXT not null, taken_at TIMESTAMP TEXT not null, product TEXT, version TEXT, full_version TEXT, revision TEXT, build_date TEXT, sessions_api TEXT, account TEXT, login_realm TEXT, cookie_name TEXT, secure_cookie BOOLEAN, cookie_domains JSON TEXT, list_cap INTEGER, list_cap_source TEXT, clock_skew_seconds INTEGER);
create index if not exists deployment_snapshot on deployment (server, taken_at);
create view am_latest as
select
  server as base_url,
  coalesce(
    max(case when s.taken_at <= strftime('%Y-%m-%d %H:%M:%f', 'now', '+1 minute') and (s.shards = 1 or s.shards = (
      select case when min(o.shards) = max(o.shards) then count(*) end
      from snapshot o
      where o.server = s.server and o.taken_at = s.taken_at
    )) then s.taken_at end),
    max(case when s.taken_at <= strftime('%Y-%m-%d %H:%M:%f', 'now', '+1 minute') then s.taken_at end),
    max(s.taken_at)
  ) as taken_at
from snapshot s
group by server;
create view am_session as select username, realm, universal_id, identity_type, session_handle, latest_access_time, max_idle_expiration_time, max_session_expiration_time, is_current, is_expired, creation_time, auth_level, auth_type, service, client_ip, tracking_id, session_type, properties, username || ' @ ' || realm as title, server as base_url, session from (select r.* from session r join am_latest l on l.base_url = r.server and l.taken_at = r.taken_at) r;
create view merged_session_scan as
select
  c.server,
  c.taken_at,
  c.realm,
  c.source,
  case when c.shards = 1 then c.sessions else (select cast(sum(sessions) as bigint) from session_scan o where o.server = c.server and o.taken_at = c.taken_at and o.realm = c.realm) end as sessions,
  c.list_cap,
  c.list_cap_known,
  case when c.shards = 1 then c.completeness else (select case when count(*) < max(shards) or min(shards) < max(shards) or count(case when completeness = 'truncated' then 1 end) > 0 then 'truncated' else min(completeness) end from session_scan o where o.server = c.server and o.taken_at = c.taken_at and o.realm = c.realm) end as completeness,
  case when c.shards = 1 then c.identities else (select cast(sum(identities) as bigint) from session_scan o where o.server = c.server and o.taken_at = c.taken_at and o.realm = c.realm) end as identities,
  case when c.shards = 1 then c.identities_cut else (select cast(sum(identities_cut) as bigint) from session_scan o where o.server = c.server and o.taken_at = c.taken_at and o.realm = c.realm) end as identities_cut,
  case when c.shards = 1 then c.reason else (select coalesce(min(reason), case when min(shards) < max(shards) then 'its shards are of several numbers' when count(*) < max(shards) then 'only ' || cast(count(*) as varchar(20)) || ' of ' || cast(max(shards) as varchar(20)) || ' shards are kept' end) from session_scan o where o.server = c.server and o.taken_at = c.taken_at and o.realm = c.realm) end as reason,
  case when c.shards = 1 then c.requests else (select cast(sum(requests) as bigint) from session_scan o where o.server = c.server and o.taken_at = c.taken_at and o.realm = c.realm) end as requests,
  c.started_at,
  case when c.shards = 1 then c.elapsed_ms else (select max(elapsed_ms) from session_scan o where o.server = c.server and o.taken_at = c.taken_at and o.realm = c.realm) end as elapsed_ms,
  case when c.shards = 1 then c.error else (select min(error) from session_scan o where o.server = c.server and o.taken_at = c.taken_at and o.realm = c.realm) end as error
from session_scan c
where c.shards = 1 or c.shard = (select min(o.shard) from session_scan o where o.server = c.server and o.taken_at = c.taken_at and o.realm = c.realm);
create view am_session_scan as select realm, source, sessions, list_cap, list_cap_known, completeness, identities, identities_cut, reason, requests, started_at, elapsed_ms, error, realm as title, server as base_url from (select r.* from merged_session_scan r join am_latest l on l.base_url = r.server and l.taken_at = r.taken_at) r;
create view am_realm as select path, name, parent_path, active, aliases, id, path as title, akas, server as base_url from (select r.* from realm r join am_latest l on l.base_url = r.server and l.taken_at = r.taken_at) r;
create view am_session_service as select realm, source, max_session_minutes, max_idle_minutes, max_caching_minutes, quota_limit, client_side_sessions, realm as title, server as base_url from (select r.* from session_service r join am_latest l on l.base_url = r.server and l.taken_at = r.taken_at) r;
create view am_user as select username, realm, login_name, status, is_active, title, server as base_url from (select r.* from identity r join am_latest l on l.base_url = r.server and l.taken_at = r.taken_at) r;
create view am_server as select server as base_url, product, version, full_version, revision, build_date, sessions_api, account, login_realm, cookie_name, secure_cookie, cookie_domains, list_cap, list_cap_source, clock_skew_seconds, server as title from (select r.* from deployment r join am_latest l on l.base_url = r.server and l.taken_at = r.taken_at) r;
-- The views that are the same in SQLite and PostgreSQL. A scan whose completeness is not 'truncated' is proof that sessions of the
-- realm that it did not find have ended. Scans of shards are merged: if a shard is missing, the realm counts as truncated.

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

create view am_session_history as
select
  h.server as base_url,
  h.realm,
  h.username,
  h.session,
  h.first_seen,
  h.last_seen,
  (
    select min(c.taken_at)
    from merged_session_scan c
    where c.server = h.server and c.realm = h.realm and c.taken_at > h.last_seen and c.completeness <> 'truncated'
  ) as gone_by,
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
) h;

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
-- Each session in each snapshot, with the time until which this is the latest information about it. The sessions at a given time
-- are the rows with taken_at <= time and (valid_until is null or valid_until > time).
create view am_session_seen as
select
  s.server as base_url,
  s.taken_at,
  nullif(min(
    coalesce(lead(s.taken_at) over (partition by s.server, s.session order by s.taken_at), '9999'),
    coalesce((
      select min(c.taken_at)
      from merged_session_scan c
      where c.server = s.server and c.realm = s.realm and c.taken_at > s.taken_at and c.completeness <> 'truncated'
    ), '9999'),
    coalesce(s.max_session_expiration_time, '9999')
  ), '9999') as valid_until,
  s.realm,
  s.username,
  s.session,
  s.latest_access_time,
  s.max_idle_expiration_time,
  s.max_session_expiration_time
from session s;
