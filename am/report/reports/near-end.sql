-- title: Sessions near their end
-- question: Which sessions end soon, whether they are used or not?
-- severity: info
-- controls: NIST 800-53 AC-12
-- parameter end_minutes integer 10: minutes until the end
-- finding: none
-- key: username, realm, max_session_expiration_time, base_url
with clock as (select base_url, unixepoch() + max(clock_skew_seconds) as now from am_server group by base_url)
select
  username,
  realm,
  max_session_expiration_time,
  (unixepoch(max_session_expiration_time) - clock.now) / 60 as minutes_left,
  base_url
from
  am_session
  join clock using (base_url)
where
  unixepoch(max_session_expiration_time) < clock.now + 60 * :end_minutes
  and not coalesce(is_expired, false)
order by
  max_session_expiration_time,
  username,
  realm;
-- dialect: postgres
select
  username,
  realm,
  max_session_expiration_time,
  trunc(extract(epoch from max_session_expiration_time - now()) / 60)::int as minutes_left,
  base_url
from
  am_session
where
  max_session_expiration_time < now() + :end_minutes * interval '1 minute'
  and not coalesce(is_expired, false)
order by
  max_session_expiration_time,
  username,
  realm;
