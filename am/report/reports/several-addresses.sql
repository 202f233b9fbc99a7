-- title: Users logged in from several addresses
-- question: Who is logged in from more addresses at once than one person should be?
-- severity: medium
-- controls: NIST 800-53 AC-10, NIST 800-53 AC-2(12)
-- parameter addresses integer 1: maximum number of addresses per user
-- finding: column
-- key: username, realm, base_url
-- note: Users are identified by name and realm. The address is that of the login, as seen by AM: behind a proxy that AM does not trust, it is that of the proxy. A row that begins with "not known" counts sessions whose client_ip is NULL: see "Since when, and from where" in docs/index.md to switch it on. Sessions of agents, AM itself and amsql are excluded.
-- remedy: Ask the user which of the logins were theirs. If one was not, disable the account and end its sessions.
-- command: amsql logout --username NAME --realm REALM
with alive as (
  select
    lower(username) as username,
    realm,
    client_ip,
    base_url
  from
    am_session
  where
    not coalesce(is_expired, false)
    and coalesce(identity_type, 'user') = 'user'
    and is_current is not true
),
places as (
  select
    username,
    realm,
    client_ip,
    base_url,
    count(*) as sessions
  from
    alive
  where
    username is not null
    and client_ip is not null
  group by
    username,
    realm,
    client_ip,
    base_url
)
select
  username,
  realm,
  count(*) as addresses,
  sum(sessions) as sessions,
  string_agg(client_ip, ', ' order by client_ip) as address_list,
  base_url,
  true as finding
from
  places
group by
  username,
  realm,
  base_url
having
  count(*) > :addresses
union all
select
  'not known: ' || (count(*) - count(client_ip)) || ' of ' || count(*) || ' sessions have no client_ip',
  realm,
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
  count(client_ip) < count(*)
order by
  finding desc nulls last,
  username,
  realm;
