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
