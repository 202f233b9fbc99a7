-- title: Old sessions
-- question: Which sessions began longer ago than the policy allows, however much they are used?
-- severity: medium
-- controls: NIST 800-53 AC-12
-- parameter age_minutes integer 720: age in minutes that the policy allows
-- finding: rows
-- key: username, realm, max_session_expiration_time, base_url
-- note: The age is an estimate: AM does not tell when a session began, so that it is taken to have begun its realm's longest session time before its end. A session that began under other limits is misjudged: see the report differing-limits. The sessions of AM itself (dsameuser) and of amsql are left out.
select
  s.username,
  s.realm,
  l.max_session_minutes - (unixepoch(s.max_session_expiration_time) - unixepoch()) / 60 as age_minutes_estimate,
  l.max_session_minutes,
  s.max_session_expiration_time,
  s.base_url
from
  am_session as s
  join am_session_service as l on l.realm = s.realm and l.base_url = s.base_url
where
  l.max_session_minutes - (unixepoch(s.max_session_expiration_time) - unixepoch()) / 60.0 > :age_minutes
  and not coalesce(s.is_expired, false)
  and coalesce(s.username, '') <> 'dsameuser'
  and s.is_current is not true
order by
  age_minutes_estimate desc,
  s.username,
  s.realm,
  s.max_session_expiration_time;
-- dialect: postgres
select
  s.username,
  s.realm,
  (l.max_session_minutes - trunc(extract(epoch from s.max_session_expiration_time - now()) / 60))::int as age_minutes_estimate,
  l.max_session_minutes,
  s.max_session_expiration_time,
  s.base_url
from
  am_session as s
  join am_session_service as l on l.realm = s.realm and l.base_url = s.base_url
where
  l.max_session_minutes - extract(epoch from s.max_session_expiration_time - now()) / 60 > :age_minutes
  and not coalesce(s.is_expired, false)
  and coalesce(s.username, '') <> 'dsameuser'
  and s.is_current is not true
order by
  age_minutes_estimate desc,
  s.username,
  s.realm,
  s.max_session_expiration_time;
