-- title: Sessions by age
-- question: How old are the sessions?
-- severity: info
-- controls: NIST 800-53 AC-12
-- finding: none
-- key: age
-- chart: columns
-- note: If creation_time is NULL, the age is an estimate, based on the realm's maximum session time. Sessions of agents, AM itself and amsql are excluded.
with bands (age, low, high) as (
  values
    ('0–15 min', -525600, 15), ('15–60 min', 15, 60), ('1–2 h', 60, 120), ('2–4 h', 120, 240), ('4–8 h', 240, 480),
    ('8–24 h', 480, 1440), ('over 24 h', 1440, 525600000), ('not known', null, null)
),
clock as (select base_url, unixepoch() + max(clock_skew_seconds) as now from am_server group by base_url),
ages as materialized (
  select
    coalesce(
      (clock.now - unixepoch(s.creation_time)) / 60,
      l.max_session_minutes - (unixepoch(s.max_session_expiration_time) - clock.now) / 60
    ) as minutes,
    count(*) as sessions
  from
    am_session as s
    join clock on clock.base_url = s.base_url
    left join am_session_service as l on l.realm = s.realm and l.base_url = s.base_url
  where
    coalesce(s.identity_type, 'user') = 'user'
    and s.is_current is not true
  group by
    minutes
)
select
  b.age,
  coalesce(sum(a.sessions), 0) as sessions
from
  bands as b
  left join ages as a on a.minutes >= b.low and a.minutes < b.high or a.minutes is null and b.low is null
group by
  b.age,
  b.low
order by
  b.low nulls last;
-- dialect: postgres
with bands (age, low, high) as (
  values
    ('0–15 min', -525600, 15), ('15–60 min', 15, 60), ('1–2 h', 60, 120), ('2–4 h', 120, 240), ('4–8 h', 240, 480),
    ('8–24 h', 480, 1440), ('over 24 h', 1440, 525600000), ('not known', null, null)
),
ages as materialized (
  select
    coalesce(
      trunc(extract(epoch from now() - s.creation_time) / 60),
      l.max_session_minutes - trunc(extract(epoch from s.max_session_expiration_time - now()) / 60)
    ) as minutes,
    count(*) as sessions
  from
    am_session as s
    left join am_session_service as l on l.realm = s.realm and l.base_url = s.base_url
  where
    coalesce(s.identity_type, 'user') = 'user'
    and s.is_current is not true
  group by
    minutes
)
select
  b.age,
  coalesce(sum(a.sessions), 0) as sessions
from
  bands as b
  left join ages as a on a.minutes >= b.low and a.minutes < b.high or a.minutes is null and b.low is null
group by
  b.age,
  b.low
order by
  b.low nulls last;
