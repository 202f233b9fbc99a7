-- title: Sessions whose limits differ from their realm's
-- question: Which sessions may be idle or last longer than the realm allows for new ones?
-- severity: low
-- controls: NIST 800-53 AC-11, NIST 800-53 AC-12
-- parameter tolerance_minutes integer 1: minutes by which limits may differ
-- finding: column
-- key: username, realm, max_session_expiration_time, base_url
-- note: New limits apply to new sessions; existing ones keep theirs. Limits can also be set for a user or a role. Sessions of agents, AM itself and amsql are excluded. A row that begins with "not known" counts sessions without an expiration time, such as those in the token store of OpenAM 13.
-- remedy: If the realm's limits have been lowered, end the older sessions. Otherwise find out which user or role has its own limits.
-- command: amsql logout --username NAME --realm REALM
with clock as (select base_url, unixepoch() + max(clock_skew_seconds) as now from am_server group by base_url),
limits as (
  select
    s.username,
    s.realm,
    (unixepoch(s.max_idle_expiration_time) - unixepoch(s.latest_access_time)) / 60.0 as idle,
    l.max_idle_minutes,
    (unixepoch(s.max_session_expiration_time) - clock.now) / 60.0 as session,
    l.max_session_minutes,
    s.max_session_expiration_time,
    s.base_url
  from
    am_session as s
    join clock on clock.base_url = s.base_url
    join am_session_service as l on l.realm = s.realm and l.base_url = s.base_url
  where
    not coalesce(s.is_expired, false)
    and coalesce(s.identity_type, 'user') = 'user'
    and s.is_current is not true
)
select
  username,
  realm,
  cast(idle as integer) as idle_minutes_allowed,
  max_idle_minutes,
  cast(session as integer) as minutes_left,
  max_session_minutes,
  max_session_expiration_time,
  base_url,
  true as finding
from
  limits
where
  idle > max_idle_minutes + :tolerance_minutes
  or session > max_session_minutes + :tolerance_minutes
union all
select
  'not known: ' || (count(*) - count(idle + session)) || ' of ' || count(*) || ' sessions have no expiration time',
  realm,
  null,
  null,
  null,
  null,
  null,
  base_url,
  null
from
  limits
group by
  realm,
  base_url
having
  count(idle + session) < count(*)
order by
  finding desc nulls last,
  username,
  realm,
  max_session_expiration_time;
-- dialect: postgres
with limits as (
  select
    s.username,
    s.realm,
    extract(epoch from s.max_idle_expiration_time - s.latest_access_time) / 60 as idle,
    l.max_idle_minutes,
    extract(epoch from s.max_session_expiration_time - now()) / 60 as session,
    l.max_session_minutes,
    s.max_session_expiration_time,
    s.base_url
  from
    am_session as s
    join am_session_service as l on l.realm = s.realm and l.base_url = s.base_url
  where
    not coalesce(s.is_expired, false)
    and coalesce(s.identity_type, 'user') = 'user'
    and s.is_current is not true
)
select
  username,
  realm,
  trunc(idle)::int as idle_minutes_allowed,
  max_idle_minutes,
  trunc(session)::int as minutes_left,
  max_session_minutes,
  max_session_expiration_time,
  base_url,
  true as finding
from
  limits
where
  idle > max_idle_minutes + :tolerance_minutes
  or session > max_session_minutes + :tolerance_minutes
union all
select
  'not known: ' || (count(*) - count(idle + session)) || ' of ' || count(*) || ' sessions have no expiration time',
  realm,
  null,
  null,
  null,
  null,
  null,
  base_url,
  null
from
  limits
group by
  realm,
  base_url
having
  count(idle + session) < count(*)
order by
  finding desc nulls last,
  username,
  realm,
  max_session_expiration_time;
