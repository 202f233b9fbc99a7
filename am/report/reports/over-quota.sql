-- title: More sessions than the quota
-- question: Which users have more sessions at once in a realm than it allows?
-- severity: high
-- controls: NIST 800-53 AC-10
-- parameter quota integer 0: sessions that a user may have; 0 stands for each realm's own quota_limit
-- finding: rows
-- key: username, realm, base_url
-- note: AM keeps to quota_limit only where quotas are switched on. Sessions that have ended and are still listed do not count, nor does that of amsql.
-- remedy: End the sessions of the user, who can sign in again. AM keeps to the quota by itself where session quotas are switched on (Configure > Global Services > Session > Session Quotas).
-- command: amsql logout --username NAME --realm REALM
with held as materialized (
  select
    min(username) as username,
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
)
select
  h.username,
  h.realm,
  h.sessions,
  case when :quota > 0 then :quota else l.quota_limit end as quota,
  h.base_url
from
  held as h
  join am_session_service as l on l.realm = h.realm and l.base_url = h.base_url
where
  h.sessions > case when :quota > 0 then :quota else l.quota_limit end
order by
  h.sessions desc,
  h.username,
  h.realm,
  h.base_url;
