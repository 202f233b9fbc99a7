-- title: Sessions by realm
-- question: How many sessions and users does each realm have, and is the list of them whole?
-- severity: info
-- controls: NIST 800-53 AC-10, NIST 800-53 AC-2(3)
-- finding: none
-- key: realm, base_url
-- chart: bars
select
  c.realm,
  count(s.realm) as sessions,
  count(distinct lower(s.username)) as users,
  c.completeness,
  c.base_url
from
  am_session_scan as c
  left join am_session as s on s.realm = c.realm and s.base_url = c.base_url
group by
  c.realm,
  c.completeness,
  c.base_url
order by
  sessions desc,
  c.realm,
  c.base_url;
