-- title: Old sessions
-- question: Which sessions are older than the policy allows, whether they are used or not?
-- severity: medium
-- controls: NIST 800-53 AC-12
-- parameter age_minutes integer 720: age in minutes that the policy allows
-- finding: column
-- key: username, realm, max_session_expiration_time, base_url
-- note: If creation_time is NULL, the age is an estimate, based on the realm's maximum session time. It is wrong for sessions that began under other limits: see the report differing-limits. Sessions of agents, AM itself and amsql are excluded.
-- remedy: End the sessions, and lower the maximum session time of realms that exceed the policy (see the report lax-realms).
-- command: amsql logout --where "creation_time < ago(':age_minutes minutes') and coalesce(identity_type, 'user') = 'user' and is_current is not true"
-- command: amsql logout --username NAME --realm REALM
with clock as (select base_url, unixepoch() + max(clock_skew_seconds) as now from am_server group by base_url),
ages as (
  select
    s.username,
    s.realm,
    s.creation_time,
    s.max_session_expiration_time,
    s.base_url,
    l.max_session_minutes,
    coalesce(
      (clock.now - unixepoch(s.creation_time)) / 60.0,
      l.max_session_minutes - (unixepoch(s.max_session_expiration_time) - clock.now) / 60.0
    ) as age
  from
    am_session as s
    join clock on clock.base_url = s.base_url
    left join am_session_service as l on l.realm = s.realm and l.base_url = s.base_url
  where
    not coalesce(s.is_expired, false)
    and coalesce(s.identity_type, 'user') = 'user'
    and s.is_current is not true
)
select
  username,
  realm,
  cast(age as integer) as age_minutes,
  creation_time is null as is_estimate,
  max_session_minutes,
  max_session_expiration_time,
  base_url,
  true as finding
from
  ages
where
  age > :age_minutes
union all
select
  'not known: ' || (count(*) - count(age)) || ' of ' || count(*) || ' sessions have no creation_time, and the realm no longest session time',
  realm,
  null,
  null,
  null,
  null,
  base_url,
  null
from
  ages
group by
  realm,
  base_url
having
  count(age) < count(*)
order by
  finding desc nulls last,
  age_minutes desc,
  username,
  realm,
  max_session_expiration_time;
-- dialect: postgres
with ages as (
  select
    s.username,
    s.realm,
    s.creation_time,
    s.max_session_expiration_time,
    s.base_url,
    l.max_session_minutes,
    coalesce(
      extract(epoch from now() - s.creation_time) / 60,
      l.max_session_minutes - extract(epoch from s.max_session_expiration_time - now()) / 60
    ) as age
  from
    am_session as s
    left join am_session_service as l on l.realm = s.realm and l.base_url = s.base_url
  where
    not coalesce(s.is_expired, false)
    and coalesce(s.identity_type, 'user') = 'user'
    and s.is_current is not true
)
select
  username,
  realm,
  trunc(age)::int as age_minutes,
  creation_time is null as is_estimate,
  max_session_minutes,
  max_session_expiration_time,
  base_url,
  true as finding
from
  ages
where
  age > :age_minutes
union all
select
  'not known: ' || (count(*) - count(age)) || ' of ' || count(*) || ' sessions have no creation_time, and the realm no longest session time',
  realm,
  null,
  null,
  null,
  null,
  base_url,
  null
from
  ages
group by
  realm,
  base_url
having
  count(age) < count(*)
order by
  finding desc nulls last,
  age_minutes desc nulls last,
  username,
  realm,
  max_session_expiration_time;
