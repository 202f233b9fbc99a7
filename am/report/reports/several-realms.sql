-- title: Users in several realms
-- question: Which user names are logged in to more than one realm?
-- severity: low
-- controls: NIST 800-53 AC-10
-- finding: rows
-- key: username, base_url
-- note: amsql's own session is excluded. Users are identified by name. In Advanced Identity Cloud, names are identifiers that differ by realm.
-- remedy: If the accounts belong to one person, end the sessions that are not needed.
-- command: amsql logout --username NAME --realm REALM
select
  username,
  count(*) as realms,
  sum(sessions) as sessions,
  string_agg(realm, ', ' order by realm) as realm_list,
  base_url
from
  (
    select
      lower(username) as username,
      realm,
      base_url,
      count(*) as sessions
    from
      am_session
    where
      username is not null
      and not coalesce(is_expired, false)
      and coalesce(identity_type, 'user') = 'user'
      and is_current is not true
    group by
      lower(username),
      realm,
      base_url
  ) as of_realm
group by
  username,
  base_url
having
  count(*) > 1
order by
  realms desc,
  username,
  base_url;
