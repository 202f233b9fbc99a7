select
  s.server as base_url,
  s.taken_at,
  s.realm,
  s.username,
  s.session,
  s.latest_access_time,
  s.max_idle_expiration_time,
  s.max_session_expiration_time
from (
  select s.server, s.session, max(s.taken_at) as taken_at
  from (
    select server, realm, max(case when completeness <> 'truncated' then taken_at end) as proven
    from "history file".merged_session_scan
    where taken_at <= coalesce(utc(:moment), now())
    group by server, realm
  ) p
    join "history file".session s on s.server = p.server and s.realm = p.realm
      and s.taken_at >= coalesce(p.proven, '') and s.taken_at <= coalesce(utc(:moment), now())
  where s.max_session_expiration_time is null or s.max_session_expiration_time > coalesce(utc(:moment), now())
  group by s.server, s.session
) l
  join "history file".session s on s.server = l.server and s.taken_at = l.taken_at and s.session = l.session
