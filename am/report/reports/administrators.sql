-- title: Administrators' sessions
-- question: Where are administrators logged in?
-- severity: medium
-- controls: NIST 800-53 AC-2(3), ISO 27001 A.8.5
-- parameter administrators text amadmin: names of administrators in lower case, comma-separated
-- finding: column
-- key: username, realm, max_session_expiration_time, base_url
-- note: amsql's own session is shown but is not a finding.
-- remedy: Ask each administrator whether the session is theirs, and end the others.
-- command: amsql logout --where "username in (:administrators) and is_current is not true"
-- command: amsql logout --username NAME --realm REALM
select
  username,
  realm,
  latest_access_time,
  max_session_expiration_time,
  is_current,
  base_url,
  not coalesce(is_current, false) as finding
from
  am_session
where
  replace(',' || :administrators || ',', ',' || lower(username) || ',', '') <> ',' || :administrators || ','
  and not coalesce(is_expired, false)
  and coalesce(identity_type, 'user') = 'user'
order by
  username,
  realm,
  max_session_expiration_time;
