-- title: Service accounts with interactive sessions
-- question: Which accounts of services are signed in as people are?
-- severity: medium
-- controls: NIST 800-53 AC-2(3), ISO 27001 A.8.5
-- parameter service_pattern text svc%: the names of service accounts in lower case, as LIKE has it: % for any letters, _ for one
-- finding: rows
-- key: username, realm, max_session_expiration_time, base_url
-- note: The session of amsql itself is left out.
-- remedy: Give the service an OAuth 2.0 client or an agent of its own instead of a user's sign-in, then end the sessions.
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
