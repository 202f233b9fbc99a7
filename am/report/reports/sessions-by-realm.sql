-- title: Sessions by realm
-- question: How many sessions and users does each realm have, and is the list complete?
-- severity: info
-- controls: NIST 800-53 AC-10, NIST 800-53 AC-2(3)
-- finding: none
-- key: realm, base_url
-- chart: bars
with held as materialized (
  select
    username,
    realm,
    base_url,
    count(*) as sessions
  from
    am_session
  group by
    username,
    realm,
    base_url
)
select
  c.realm,
  coalesce(sum(h.sessions), 0) as sessions,
  count(distinct lower(h.username)) as users,
  c.completeness,
  c.base_url
from
  am_session_scan as c
  left join held as h on h.realm = c.realm and h.base_url = c.base_url
group by
  c.realm,
  c.completeness,
  c.base_url
order by
  sessions desc,
  c.realm,
  c.base_url;
