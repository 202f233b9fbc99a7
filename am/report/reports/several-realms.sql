-- title: The same person in several realms
-- question: Which names are signed in to more than one realm?
-- severity: low
-- controls: NIST 800-53 AC-10
-- finding: rows
-- key: username, base_url
-- note: The session of amsql itself is left out. People are told apart by their names. In Advanced Identity Cloud these are identifiers that differ by realm.
-- remedy: Where the accounts are one person's, end the sessions that are not needed.
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
