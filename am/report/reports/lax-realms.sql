-- title: Realms weaker than the policy
-- question: Which realms allow longer, more idle or more concurrent sessions than the policy?
-- severity: medium
-- controls: NIST 800-53 AC-10, NIST 800-53 AC-11, NIST 800-53 AC-12, PCI DSS 8.2.8
-- parameter policy_session_minutes integer 720: maximum session time in minutes
-- parameter policy_idle_minutes integer 15: maximum idle time in minutes
-- parameter policy_quota integer 5: maximum number of sessions per user
-- finding: column
-- key: realm, base_url
-- note: A limit that a realm's session service does not set is empty, which is not a finding. quota_limit has an effect only if quotas are switched on.
-- remedy: Lower the limits of the realm (Realms > REALM > Services > Session), or of all realms without their own limits (Configure > Global Services > Session > Dynamic Attributes). The limits apply to new sessions.
-- command: amsql query "select realm, source, max_session_minutes, max_idle_minutes, quota_limit from am_session_service"
select
  realm,
  source,
  max_session_minutes,
  max_idle_minutes,
  quota_limit,
  base_url,
  coalesce(max_session_minutes > :policy_session_minutes, false)
    or coalesce(max_idle_minutes > :policy_idle_minutes, false)
    or coalesce(quota_limit > :policy_quota, false) as finding
from
  am_session_service
order by
  realm,
  base_url;
