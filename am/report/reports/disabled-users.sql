-- title: Sessions of disabled and deleted users
-- question: Who is logged in although the account is disabled or deleted?
-- severity: high
-- controls: NIST 800-53 AC-2(3), ISO 27001 A.8.5
-- parameter system_accounts text amadmin,dsameuser: accounts of AM itself, which no directory lists, comma-separated
-- finding: rows
-- key: username, realm, max_session_expiration_time, base_url
-- note: Disabling an account prevents logins but does not end sessions. A user whom the realm's directory neither lists nor finds by name counts as deleted, but may log in without an account there. Sessions of agents, AM itself and amsql are excluded.
-- remedy: End the sessions. Before you end those of a deleted user, check that logins do not work without an account in the directory.
-- command: amsql logout --where "(username, realm) in (select username, realm from am_user where not is_active)"
-- command: amsql logout --username NAME --realm REALM
with users as materialized (
  select lower(username) as name, realm, is_active, base_url from am_user
),
found as materialized (
  select
    s.username,
    s.realm,
    case when u.name is null then 'deleted' else 'disabled' end as account,
    s.latest_access_time,
    s.max_session_expiration_time,
    s.base_url
  from
    am_session as s
    left join users as u on u.name = lower(s.username) and u.realm = s.realm and u.base_url = s.base_url
  where
    (u.name is null or not u.is_active)
    and s.username is not null
    and coalesce(s.identity_type, 'user') = 'user'
    and s.is_current is not true
    and not coalesce(s.is_expired, false)
)
select
  *
from
  found
where
  replace(',' || :system_accounts || ',', ',' || lower(username) || ',', '') = ',' || :system_accounts || ','
order by
  username,
  realm,
  max_session_expiration_time;
