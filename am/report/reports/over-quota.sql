-- title: More sessions than the quota
-- question: Which users have more sessions at once in a realm than it allows?
-- severity: high
-- controls: NIST 800-53 AC-10
-- parameter quota integer 0: sessions that a user may have; 0 stands for each realm's own quota_limit
-- finding: rows
-- key: username, realm, base_url
-- note: AM keeps to quota_limit only where quotas are switched on. Sessions that have ended and are still listed do not count.
select
  min(s.username) as username,
  s.realm,
  count(*) as sessions,
  case when :quota > 0 then :quota else l.quota_limit end as quota,
  s.base_url
from
  am_session as s
  join am_session_service as l on l.realm = s.realm and l.base_url = s.base_url
where
  s.username is not null
  and not coalesce(s.is_expired, false)
group by
  lower(s.username),
  s.realm,
  s.base_url,
  l.quota_limit
having
  count(*) > case when :quota > 0 then :quota else l.quota_limit end
order by
  sessions desc,
  username,
  s.realm,
  s.base_url;
