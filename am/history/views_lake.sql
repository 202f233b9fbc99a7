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
    coalesce(lead(s.taken_at) over (partition by s.server, s.session order by s.taken_at), FAR),
    coalesce(p.next_proof, FAR),
    coalesce(s.max_session_expiration_time, FAR)
  ), FAR) as valid_until,
  s.realm,
  s.username,
  s.session,
  s.latest_access_time,
  s.max_idle_expiration_time,
  s.max_session_expiration_time
from session s
  left join am_scan_proof p on p.server = s.server and p.realm = s.realm and p.taken_at = s.taken_at;
