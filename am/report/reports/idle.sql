-- title: Idle sessions
-- question: Which sessions have been idle for longer than the policy allows?
-- severity: medium
-- controls: NIST 800-53 AC-11, NIST 800-53 AC-12, PCI DSS 8.2.8
-- parameter idle_minutes integer 15: idle minutes that the policy allows
-- finding: rows
-- key: username, realm, max_session_expiration_time, base_url
-- note: AM records the time of the last use up to a minute late. Sessions of agents, AM itself and amsql are excluded.
-- remedy: End the sessions, and lower the idle limit of realms that exceed the policy (see the report lax-realms).
-- command: amsql logout --where "latest_access_time < ago(':idle_minutes minutes') and coalesce(identity_type, 'user') = 'user' and is_current is not true"
with clock as (select base_url, unixepoch() + max(clock_skew_seconds) as now from am_server group by base_url)
select
  username,
  realm,
  latest_access_time,
  (clock.now - unixepoch(latest_access_time)) / 60 as minutes_idle,
  max_idle_expiration_time,
  max_session_expiration_time,
  base_url
from
  am_session
  join clock using (base_url)
where
  unixepoch(latest_access_time) < clock.now - 60 * :idle_minutes
  and not coalesce(is_expired, false)
  and coalesce(identity_type, 'user') = 'user'
  and is_current is not true
order by
  latest_access_time,
  username,
  realm,
  max_session_expiration_time;
-- dialect: postgres
select
  username,
  realm,
  latest_access_time,
  floor(extract(epoch from now() - latest_access_time) / 60)::int as minutes_idle,
  max_idle_expiration_time,
  max_session_expiration_time,
  base_url
from
  am_session
where
  latest_access_time < now() - :idle_minutes * interval '1 minute'
  and not coalesce(is_expired, false)
  and coalesce(identity_type, 'user') = 'user'
  and is_current is not true
order by
  latest_access_time,
  username,
  realm,
  max_session_expiration_time;
