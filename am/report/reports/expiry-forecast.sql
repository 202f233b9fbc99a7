-- title: Sessions ending over the coming hours
-- question: When will today's sessions end at the latest?
-- severity: info
-- controls: NIST 800-53 AC-12
-- finding: none
-- key: ends_within
-- chart: columns
with bands (ends_within, low, high) as (
  values
    ('ended', -30000000, 0), ('1 h', 0, 60), ('2 h', 60, 120), ('3 h', 120, 180), ('4 h', 180, 240), ('6 h', 240, 360),
    ('8 h', 360, 480), ('12 h', 480, 720), ('24 h', 720, 1440), ('later', 1440, 30000000), ('not known', null, null)
),
clock as (select base_url, unixepoch() + max(clock_skew_seconds) as now from am_server group by base_url),
ends as materialized (
  select unixepoch(max_session_expiration_time) - clock.now as seconds, count(*) as sessions from am_session join clock using (base_url) group by seconds
)
select
  b.ends_within,
  coalesce(sum(e.sessions), 0) as sessions
from
  bands as b
  left join ends as e on e.seconds >= 60 * b.low and e.seconds < 60 * b.high or e.seconds is null and b.low is null
group by
  b.ends_within,
  b.low
having
  b.low is not null or count(e.sessions) > 0
order by
  b.low nulls last;
-- dialect: postgres
with bands (ends_within, low, high) as (
  values
    ('ended', -30000000, 0), ('1 h', 0, 60), ('2 h', 60, 120), ('3 h', 120, 180), ('4 h', 180, 240), ('6 h', 240, 360),
    ('8 h', 360, 480), ('12 h', 480, 720), ('24 h', 720, 1440), ('later', 1440, 30000000), ('not known', null, null)
),
ends as materialized (
  select floor(extract(epoch from max_session_expiration_time - now())) as seconds, count(*) as sessions from am_session group by seconds
)
select
  b.ends_within,
  coalesce(sum(e.sessions), 0) as sessions
from
  bands as b
  left join ends as e on e.seconds >= 60 * b.low and e.seconds < 60 * b.high or e.seconds is null and b.low is null
group by
  b.ends_within,
  b.low
having
  b.low is not null or count(e.sessions) > 0
order by
  b.low nulls last;
