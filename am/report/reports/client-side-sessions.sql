-- title: Sessions kept by clients
-- question: Which realms give clients their sessions to keep, so that AM can neither list nor end them?
-- severity: medium
-- controls: NIST 800-53 AC-10, NIST 800-53 AC-12, NIST 800-53 AC-2(3), ISO 27001 A.8.5
-- finding: column
-- key: realm, base_url
-- note: Sessions of such a realm are in no list, so that no other report has them, and can outlive a logout. Where AM does not say, client_side_sessions is empty and no finding.
-- remedy: Let the realm keep its sessions on the server (Realms > REALM > Authentication > Settings > General > Use Client-Side Sessions), or let AM deny those that have been logged out (Configure > Global Services > Session > Client-Side Sessions).
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
