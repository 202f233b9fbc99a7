-- title: Administrators with weak authentication
-- question: Which administrators logged in with a lower authentication level than the policy requires?
-- severity: high
-- controls: NIST 800-53 IA-2(1), ISO 27001 A.8.5
-- parameter administrators text amadmin: names of administrators in lower case, comma-separated
-- parameter least_level integer 1: the authentication level that administrators must have
-- finding: column
-- key: username, realm, creation_time, base_url
-- note: The meaning of a level depends on the journeys that set it; for a password alone it is usually 0. amsql's own session is shown but is not a finding. A row that begins with "not known" counts sessions whose auth_level is NULL: see "Since when, and from where" in docs/index.md to switch it on.
-- remedy: Require a second factor for administrators, then end the sessions that began without it.
-- command: amsql logout --where "username in (:administrators) and auth_level < :least_level and is_current is not true"
with alive as (
  select
    username,
    realm,
    auth_level,
    service,
    auth_type,
    client_ip,
    creation_time,
    is_current,
    base_url
  from
    am_session
  where
    replace(',' || :administrators || ',', ',' || lower(username) || ',', '') <> ',' || :administrators || ','
    and not coalesce(is_expired, false)
    and coalesce(identity_type, 'user') = 'user'
)
select
  username,
  realm,
  auth_level,
  service,
  auth_type,
  client_ip,
  creation_time,
  base_url,
  not coalesce(is_current, false) as finding
from
  alive
where
  auth_level < :least_level
union all
select
  'not known: ' || (count(*) - count(auth_level)) || ' of ' || count(*) || ' sessions have no auth_level',
  realm,
  null,
  null,
  null,
  null,
  null,
  base_url,
  null
from
  alive
group by
  realm,
  base_url
having
  count(auth_level) < count(*)
order by
  finding desc nulls last,
  username,
  realm,
  creation_time;
