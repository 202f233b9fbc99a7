-- title: Sessions by idle time
-- question: How long have sessions been idle?
-- severity: info
-- controls: NIST 800-53 AC-11, NIST 800-53 AC-12
-- finding: none
-- key: idle
-- chart: columns
with bands (idle, low, high) as (
  values
    ('0–1 min', -525600, 1), ('1–5 min', 1, 5), ('5–15 min', 5, 15), ('15–30 min', 15, 30), ('30–60 min', 30, 60),
    ('1–4 h', 60, 240), ('4–24 h', 240, 1440), ('over 24 h', 1440, 525600000)
),
clock as (select base_url, unixepoch() + max(clock_skew_seconds) as now from am_server group by base_url),
idle as materialized (
  select (clock.now - unixepoch(latest_access_time)) / 60 as minutes, count(*) as sessions from am_session join clock using (base_url) group by minutes
)
select
  b.idle,
  coalesce(sum(i.sessions), 0) as sessions
from
  bands as b
  left join idle as i on i.minutes >= b.low and i.minutes < b.high
group by
  b.idle,
  b.low
order by
  b.low;
-- dialect: postgres
with bands (idle, low, high) as (
  values
    ('0–1 min', -525600, 1), ('1–5 min', 1, 5), ('5–15 min', 5, 15), ('15–30 min', 15, 30), ('30–60 min', 30, 60),
    ('1–4 h', 60, 240), ('4–24 h', 240, 1440), ('over 24 h', 1440, 525600000)
),
idle as materialized (
  select floor(extract(epoch from now() - latest_access_time) / 60) as minutes, count(*) as sessions from am_session group by minutes
)
select
  b.idle,
  coalesce(sum(i.sessions), 0) as sessions
from
  bands as b
  left join idle as i on i.minutes >= b.low and i.minutes < b.high
group by
  b.idle,
  b.low
order by
  b.low;
