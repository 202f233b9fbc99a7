-- title: Client-side sessions
-- question: Which realms use client-side (stateless) sessions, which AM can neither list nor end?
-- severity: medium
-- controls: NIST 800-53 AC-10, NIST 800-53 AC-12, NIST 800-53 AC-2(3), ISO 27001 A.8.5
-- finding: column
-- key: realm, base_url
-- note: No list and no other report contains the sessions of such a realm, and they can outlive a logout. If AM does not report the setting, client_side_sessions is empty, which is not a finding.
-- remedy: Switch the realm to server-side sessions (Realms > REALM > Authentication > Settings > General > Use Client-Side Sessions), or switch on denylisting (Configure > Global Services > Session > Client-Side Sessions).
-- command: amsql query "select realm, client_side_sessions from am_session_service"
select
  realm,
  client_side_sessions,
  base_url,
  coalesce(client_side_sessions, false) as finding
from
  am_session_service
order by
  realm,
  base_url;
