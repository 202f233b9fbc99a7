-- title: Ended sessions that are still listed
-- question: Which sessions have expired but are still listed?
-- severity: low
-- controls: NIST 800-53 AC-12
-- parameter expired_minutes integer 2: minutes that AM may list a session after its end
-- finding: column
-- key: username, realm, max_session_expiration_time, base_url
-- note: AM takes up to a minute to remove a session from its list. A session that is listed for longer can be a sign that the token store is not cleaned up. A row that begins with "not known" counts sessions without an expiration time, such as those in the token store of OpenAM 13.
-- remedy: Find out why the token store keeps the sessions: check AM's log for failed cleanups, and, with several servers, whether their clocks differ.
-- command: amsql doctor
with clock as (select base_url, unixepoch() + max(clock_skew_seconds) as now from am_server group by base_url)
select
  username,
  realm,
  max_idle_expiration_time,
  max_session_expiration_time,
  base_url,
  coalesce(unixepoch(max_idle_expiration_time) < clock.now - 60 * :expired_minutes, false)
    or coalesce(unixepoch(max_session_expiration_time) < clock.now - 60 * :expired_minutes, false) as finding
from
  am_session
  join clock using (base_url)
where
  is_expired
  and is_current is not true
  and coalesce(identity_type, 'user') <> 'system'
union all
select
  'not known: ' || (count(*) - count(is_expired)) || ' of ' || count(*) || ' sessions have no expiration time',
  realm,
  null,
  null,
  base_url,
  null
from
  am_session
where
  is_current is not true
  and coalesce(identity_type, 'user') <> 'system'
group by
  realm,
  base_url
having
  count(is_expired) < count(*)
order by
  username,
  realm,
  max_session_expiration_time;
-- dialect: postgres
select
  username,
  realm,
  max_idle_expiration_time,
  max_session_expiration_time,
  base_url,
  coalesce(max_idle_expiration_time < now() - :expired_minutes * interval '1 minute', false)
    or coalesce(max_session_expiration_time < now() - :expired_minutes * interval '1 minute', false) as finding
from
  am_session
where
  is_expired
  and is_current is not true
  and coalesce(identity_type, 'user') <> 'system'
union all
select
  'not known: ' || (count(*) - count(is_expired)) || ' of ' || count(*) || ' sessions have no expiration time',
  realm,
  null,
  null,
  base_url,
  null
from
  am_session
where
  is_current is not true
  and coalesce(identity_type, 'user') <> 'system'
group by
  realm,
  base_url
having
  count(is_expired) < count(*)
order by
  username,
  realm,
  max_session_expiration_time;
