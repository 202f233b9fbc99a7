-- title: Sessions by journey
-- question: Which journeys or chains did users log in with, and at which authentication level?
-- severity: info
-- controls: NIST 800-53 IA-2, NIST 800-53 AC-2(12)
-- finding: none
-- key: journey, realm, base_url
-- chart: bars
-- note: "none" means a login with a single module. For sessions that are "not known", AM returns no session properties for queries: see "Since when, and from where" in docs/index.md to switch it on. Sessions of agents, AM itself and amsql are excluded.
select
  journey,
  count(*) as sessions,
  realm,
  count(distinct lower(username)) as users,
  min(auth_level) as lowest_level,
  max(auth_level) as highest_level,
  base_url
from
  (
    select
      username,
      realm,
      auth_level,
      base_url,
      case
        when service is not null then service
        when coalesce(auth_type, client_ip) is not null or auth_level is not null then 'none'
        else 'not known'
      end as journey
    from
      am_session
    where
      not coalesce(is_expired, false)
      and coalesce(identity_type, 'user') = 'user'
      and is_current is not true
  ) as alive
group by
  journey,
  realm,
  base_url
order by
  sessions desc,
  realm,
  journey;
