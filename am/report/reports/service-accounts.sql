-- title: Service accounts with interactive sessions
-- question: Which service accounts have sessions like those of people?
-- severity: medium
-- controls: NIST 800-53 AC-2(3), ISO 27001 A.8.5
-- parameter service_pattern text svc%: a LIKE pattern for names of service accounts in lower case: % matches any text, _ one character
-- finding: rows
-- key: username, realm, max_session_expiration_time, base_url
-- note: amsql's own session is excluded.
-- remedy: Give the service its own OAuth 2.0 client or agent instead of a user's login, then end the sessions.
-- command: amsql logout --where "username like :service_pattern and is_current is not true"
select
  username,
  realm,
  latest_access_time,
  max_session_expiration_time,
  base_url
from
  am_session
where
  lower(username) like :service_pattern
  and not coalesce(is_expired, false)
  and coalesce(identity_type, 'user') = 'user'
  and is_current is not true
order by
  username,
  realm,
  max_session_expiration_time;
