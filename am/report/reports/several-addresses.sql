-- title: People signed in from several addresses
-- question: Who is signed in from more addresses at once than one person should be?
-- severity: medium
-- controls: NIST 800-53 AC-10, NIST 800-53 AC-2(12)
-- parameter addresses integer 1: how many addresses one person may have
-- finding: column
-- key: username, realm, base_url
-- note: People are told apart by name and realm. The address is that of the sign-in, as AM saw it: behind a proxy that AM does not trust, all have the proxy's. A row that begins with "not known" counts sessions whose client_ip is NULL: "Since when, and from where" in docs/index.md says how to switch it on. Sessions of agents, of AM itself and of amsql are left out.
-- remedy: Ask the user which of the sign-ins were theirs. If one was not, disable the account and end its sessions.
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
