-- title: Realms laxer than the policy
-- question: Which realms let sessions last longer, idle longer or be more than the policy allows?
-- severity: medium
-- controls: NIST 800-53 AC-10, NIST 800-53 AC-11, NIST 800-53 AC-12, PCI DSS 8.2.8
-- parameter policy_session_minutes integer 720: longest session, in minutes
-- parameter policy_idle_minutes integer 15: longest time without use, in minutes
-- parameter policy_quota integer 5: most sessions a user
-- finding: column
-- key: realm, base_url
-- note: A limit that a realm's session service leaves unset is empty and no finding. quota_limit holds only where quotas are switched on.
-- remedy: Lower the limits of the realm (Realms > REALM > Services > Session), or of all realms that have none of their own (Configure > Global Services > Session > Dynamic Attributes). They hold for new sessions.
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
