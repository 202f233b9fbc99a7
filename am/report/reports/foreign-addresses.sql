-- title: Logins from outside the networks
-- question: Who is logged in from an address outside the given networks?
-- severity: medium
-- controls: NIST 800-53 AC-17, NIST 800-53 AC-2(12)
-- parameter networks text 10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,127.0.0.0/8,fc00::/7,::1/128: networks, comma-separated
-- finding: column
-- key: username, realm, client_ip, base_url
-- note: The default is the private networks. The address is that of the login, as seen by AM: behind a proxy that AM does not trust, it is that of the proxy. A row that begins with "not known" counts sessions whose client_ip is NULL: see "Since when, and from where" in docs/index.md to switch it on. Sessions of agents, AM itself and amsql are excluded.
-- remedy: Ask the user whether the login was theirs. If not, disable the account and end its sessions. Add your own networks to the parameter networks.
-- command: amsql logout --username NAME --realm REALM
with alive as (
  select
    username,
    realm,
    client_ip,
    latest_access_time,
    base_url
  from
    am_session
  where
    not coalesce(is_expired, false)
    and coalesce(identity_type, 'user') = 'user'
    and is_current is not true
)
select
  username,
  realm,
  client_ip,
  count(*) as sessions,
  max(latest_access_time) as latest_access_time,
  base_url,
  true as finding
from
  alive
where
  client_ip is not null
  and not within(client_ip, :networks)
group by
  username,
  realm,
  client_ip,
  base_url
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
  realm,
  client_ip;
-- dialect: postgres
with alive as (
  select
    username,
    realm,
    client_ip,
    latest_access_time,
    base_url
  from
    am_session
  where
    not coalesce(is_expired, false)
    and coalesce(identity_type, 'user') = 'user'
    and is_current is not true
)
select
  username,
  realm,
  client_ip,
  count(*) as sessions,
  max(latest_access_time) as latest_access_time,
  base_url,
  true as finding
from
  alive
where
  client_ip is not null
  and not case
    when client_ip ~ '^[0-9a-fA-F:.]*[:.][0-9a-fA-F:.]*$' then client_ip::inet <<= any (string_to_array(:networks, ',')::inet[])
    else false
  end
group by
  username,
  realm,
  client_ip,
  base_url
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
  realm,
  client_ip;
