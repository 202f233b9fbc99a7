-- title: Sessions whose limits differ from their realm's
-- question: Which sessions may be idle or last longer than the realm allows for new ones?
-- severity: low
-- controls: NIST 800-53 AC-11, NIST 800-53 AC-12
-- parameter tolerance_minutes integer 1: minutes by which limits may differ
-- finding: rows
-- key: username, realm, max_session_expiration_time, base_url
-- note: New limits apply to new sessions; existing ones keep theirs. Limits can also be set for a user or a role. Sessions of agents, AM itself and amsql are excluded.
-- remedy: If the realm's limits have been lowered, end the older sessions. Otherwise find out which user or role has its own limits.
-- command: amsql logout --username NAME --realm REALM
with clock as (select base_url, unixepoch() + max(clock_skew_seconds) as now from am_server group by base_url)
select
  s.username,
  s.realm,
  (unixepoch(s.max_idle_expiration_time) - unixepoch(s.latest_access_time)) / 60 as idle_minutes_allowed,
  l.max_idle_minutes,
  (unixepoch(s.max_session_expiration_time) - clock.now) / 60 as minutes_left,
  l.max_session_minutes,
  s.max_session_expiration_time,
  s.base_url
from
  am_session as s
  join clock on clock.base_url = s.base_url
  join am_session_service as l on l.realm = s.realm and l.base_url = s.base_url
where
  (
    (unixepoch(s.max_idle_expiration_time) - unixepoch(s.latest_access_time)) / 60.0 > l.max_idle_minutes + :tolerance_minutes
    or (unixepoch(s.max_session_expiration_time) - clock.now) / 60.0 > l.max_session_minutes + :tolerance_minutes
  )
  and not coalesce(s.is_expired, false)
  and coalesce(s.identity_type, 'user') = 'user'
  and s.is_current is not true
order by
  s.username,
  s.realm,
  s.max_session_expiration_time;
-- dialect: postgres
select
  s.username,
  s.realm,
  trunc(extract(epoch from s.max_idle_expiration_time - s.latest_access_time) / 60)::int as idle_minutes_allowed,
  l.max_idle_minutes,
  trunc(extract(epoch from s.max_session_expiration_time - now()) / 60)::int as minutes_left,
  l.max_session_minutes,
  s.max_session_expiration_time,
  s.base_url
from
  am_session as s
  join am_session_service as l on l.realm = s.realm and l.base_url = s.base_url
where
  (
    extract(epoch from s.max_idle_expiration_time - s.latest_access_time) / 60 > l.max_idle_minutes + :tolerance_minutes
    or extract(epoch from s.max_session_expiration_time - now()) / 60 > l.max_session_minutes + :tolerance_minutes
  )
  and not coalesce(s.is_expired, false)
  and coalesce(s.identity_type, 'user') = 'user'
  and s.is_current is not true
order by
  s.username,
  s.realm,
  s.max_session_expiration_time;
