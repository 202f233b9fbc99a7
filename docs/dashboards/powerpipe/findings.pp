benchmark "findings" {
  title       = "AM sessions: findings"
  description = "Sessions, users and limits that need somebody to look at them. Every control has a row for each realm; where a realm could not be listed, its row says info instead of ok."
  tags        = { service = "AM", type = "Benchmark" }
  children = [
    control.whole,
    control.quota,
    control.idle,
    control.old,
    control.administrators,
    control.disabled,
    control.deleted,
    control.several_realms,
    control.services,
    control.limits,
    control.client_side,
    control.expired,
    control.other_limits,
  ]
}

control "whole" {
  title       = "The list of sessions is whole"
  description = "AM cuts lists of sessions silently. What is missing from them is in no other control."
  severity    = "high"
  tags        = { nist_800_53_rev_5 = "au_12" }

  sql = <<-EOQ
    select
      base_url || ' ' || realm as resource,
      case when error is not null then 'error' when completeness = 'cut' then 'alarm' else 'ok' end as status,
      case
        when error is not null then 'The realm could not be listed: ' || error
        when completeness = 'cut' then 'The list is cut: ' || coalesce(reason, 'sessions may be missing')
        else sessions || ' sessions, listed ' || completeness
      end as reason,
      realm,
      base_url
    from amsql.am_session_scan
    order by base_url, realm;
  EOQ
}

control "quota" {
  title       = "Nobody has more sessions than the quota"
  description = "The quota of a realm counts where quotas are switched on, and not for sessions that were there before."
  severity    = "medium"
  tags        = { nist_800_53_rev_5 = "ac_10" }

  sql = <<-EOQ
    select
      c.base_url || ' ' || c.realm as resource,
      case
        when count(f.username) > 0 then 'alarm'
        when c.completeness = 'cut' then 'info'
        else 'ok'
      end as status,
      count(f.username) || ' users have more sessions than the quota' || coalesce(': ' || left(string_agg(f.username, ', ' order by f.username), 200), '')
        || case when c.completeness = 'cut' then '; others are not known' else '' end as reason,
      c.realm,
      c.base_url
    from amsql.am_session_scan c
      left join (
        select s.base_url, s.realm, s.username
        from amsql.am_session s
          join amsql.am_session_service v on v.base_url = s.base_url and v.realm = s.realm
        group by s.base_url, s.realm, s.username, v.quota_limit
        having count(*) > v.quota_limit
      ) f on f.base_url = c.base_url and f.realm = c.realm
    group by c.base_url, c.realm, c.completeness
    order by c.base_url, c.realm;
  EOQ
}

control "idle" {
  title       = "No session is idle for long"
  description = "Sessions that have not been used for longer than the parameter says."
  severity    = "medium"
  tags        = { nist_800_53_rev_5 = "ac_11" }

  sql = <<-EOQ
    select
      c.base_url || ' ' || c.realm as resource,
      case
        when count(*) filter (where l.taken_at - s.latest_access_time > make_interval(mins => $1::int)) > 0 then 'alarm'
        when c.completeness = 'cut' then 'info'
        else 'ok'
      end as status,
      count(*) filter (where l.taken_at - s.latest_access_time > make_interval(mins => $1::int)) || ' of ' || count(s.realm) || ' sessions are idle for longer'
        || case when c.completeness = 'cut' then '; others are not known' else '' end as reason,
      c.realm,
      c.base_url
    from amsql.am_session_scan c
      join amsql.am_latest l using (base_url)
      left join amsql.am_session s on s.base_url = c.base_url and s.realm = c.realm
    group by c.base_url, c.realm, c.completeness
    order by c.base_url, c.realm;
  EOQ

  param "minutes" {
    description = "How long a session may be idle, in minutes."
    default     = 60
  }
}

control "old" {
  title       = "No session is old"
  description = "AM does not tell when a session began. It is estimated by its end and by how long the realm lets sessions last."
  severity    = "medium"
  tags        = { nist_800_53_rev_5 = "ac_12" }

  sql = <<-EOQ
    select
      c.base_url || ' ' || c.realm as resource,
      case
        when count(*) filter (where l.taken_at - (s.max_session_expiration_time - make_interval(mins => v.max_session_minutes::int)) > make_interval(hours => $1::int)) > 0 then 'alarm'
        when c.completeness = 'cut' then 'info'
        else 'ok'
      end as status,
      count(*) filter (where l.taken_at - (s.max_session_expiration_time - make_interval(mins => v.max_session_minutes::int)) > make_interval(hours => $1::int)) || ' of ' || count(s.realm) || ' sessions are older'
        || case when c.completeness = 'cut' then '; others are not known' else '' end as reason,
      c.realm,
      c.base_url
    from amsql.am_session_scan c
      join amsql.am_latest l using (base_url)
      left join amsql.am_session s on s.base_url = c.base_url and s.realm = c.realm
      left join amsql.am_session_service v on v.base_url = c.base_url and v.realm = c.realm
    group by c.base_url, c.realm, c.completeness
    order by c.base_url, c.realm;
  EOQ

  param "hours" {
    description = "How old a session may be, in hours."
    default     = 12
  }
}

control "administrators" {
  title       = "No administrator is logged in"
  description = "Sessions of the accounts that the parameter names, with commas between. That of amsql itself is one of them while it scans, and does not count."
  severity    = "high"
  tags        = { nist_800_53_rev_5 = "ac_6" }

  sql = <<-EOQ
    select
      c.base_url || ' ' || c.realm as resource,
      case
        when count(*) filter (where lower(s.username) = any (string_to_array($1, ',')) and s.is_current is not true) > 0 then 'alarm'
        when c.completeness = 'cut' then 'info'
        else 'ok'
      end as status,
      count(*) filter (where lower(s.username) = any (string_to_array($1, ',')) and s.is_current is not true) || ' of ' || count(s.realm) || ' sessions are of administrators'
        || case when c.completeness = 'cut' then '; others are not known' else '' end as reason,
      c.realm,
      c.base_url
    from amsql.am_session_scan c
      join amsql.am_latest l using (base_url)
      left join amsql.am_session s on s.base_url = c.base_url and s.realm = c.realm
    group by c.base_url, c.realm, c.completeness
    order by c.base_url, c.realm;
  EOQ

  param "names" {
    description = "Names of accounts, with commas between."
    default     = "amadmin,dsameuser"
  }
}

control "disabled" {
  title       = "No disabled user has a session"
  description = "A user who is disabled keeps the sessions that there are."
  severity    = "high"
  tags        = { nist_800_53_rev_5 = "ac_2_3" }

  sql = <<-EOQ
    select
      c.base_url || ' ' || c.realm as resource,
      case
        when count(f.username) > 0 then 'alarm'
        when c.completeness = 'cut' or not exists (select from amsql.am_user u where u.base_url = c.base_url and u.realm = c.realm) then 'info'
        else 'ok'
      end as status,
      count(f.username) || ' users are disabled and have sessions' || coalesce(': ' || left(string_agg(f.username, ', ' order by f.username), 200), '')
        || case
          when not exists (select from amsql.am_user u where u.base_url = c.base_url and u.realm = c.realm) then '; the directory is not known'
          when c.completeness = 'cut' then '; others are not known'
          else ''
        end as reason,
      c.realm,
      c.base_url
    from amsql.am_session_scan c
      left join (
        select distinct s.base_url, s.realm, s.username
        from amsql.am_session s
          join amsql.am_user u on u.base_url = s.base_url and u.realm = s.realm and u.username = s.username
        where not u.is_active
      ) f on f.base_url = c.base_url and f.realm = c.realm
    group by c.base_url, c.realm, c.completeness
    order by c.base_url, c.realm;
  EOQ
}

control "deleted" {
  title       = "No deleted user has a session"
  description = "A user who is deleted keeps the sessions that there are. Where no user of a realm is known, its row says info."
  severity    = "high"
  tags        = { nist_800_53_rev_5 = "ac_2_3" }

  sql = <<-EOQ
    select
      c.base_url || ' ' || c.realm as resource,
      case
        when count(f.username) > 0 then 'alarm'
        when c.completeness = 'cut' or not exists (select from amsql.am_user u where u.base_url = c.base_url and u.realm = c.realm) then 'info'
        else 'ok'
      end as status,
      count(f.username) || ' users are in no directory and have sessions' || coalesce(': ' || left(string_agg(f.username, ', ' order by f.username), 200), '')
        || case
          when not exists (select from amsql.am_user u where u.base_url = c.base_url and u.realm = c.realm) then '; the directory is not known'
          when c.completeness = 'cut' then '; others are not known'
          else ''
        end as reason,
      c.realm,
      c.base_url
    from amsql.am_session_scan c
      left join (
        select distinct s.base_url, s.realm, s.username
        from amsql.am_session s
        where exists (select from amsql.am_user u where u.base_url = s.base_url and u.realm = s.realm)
          and not exists (select from amsql.am_user u where u.base_url = s.base_url and u.realm = s.realm and u.username = s.username)
      ) f on f.base_url = c.base_url and f.realm = c.realm
    group by c.base_url, c.realm, c.completeness
    order by c.base_url, c.realm;
  EOQ
}

control "several_realms" {
  title       = "Nobody is logged in to several realms"
  description = "The same name in two realms may be two people."
  severity    = "low"
  tags        = { nist_800_53_rev_5 = "ac_10" }

  sql = <<-EOQ
    select
      c.base_url || ' ' || c.realm as resource,
      case
        when count(f.username) > 0 then 'alarm'
        when c.completeness = 'cut' then 'info'
        else 'ok'
      end as status,
      count(f.username) || ' users have sessions in other realms, too' || coalesce(': ' || left(string_agg(f.username, ', ' order by f.username), 200), '')
        || case when c.completeness = 'cut' then '; others are not known' else '' end as reason,
      c.realm,
      c.base_url
    from amsql.am_session_scan c
      left join (
        select distinct s.base_url, s.realm, s.username
        from amsql.am_session s
        where exists (
          select from amsql.am_session o
          where o.base_url = s.base_url and o.username = s.username and o.realm <> s.realm
        )
      ) f on f.base_url = c.base_url and f.realm = c.realm
    group by c.base_url, c.realm, c.completeness
    order by c.base_url, c.realm;
  EOQ
}

control "services" {
  title       = "No service account has a session"
  description = "Accounts whose names are like the parameter (SQL)."
  severity    = "medium"
  tags        = { nist_800_53_rev_5 = "ac_2" }

  sql = <<-EOQ
    select
      c.base_url || ' ' || c.realm as resource,
      case
        when count(f.username) > 0 then 'alarm'
        when c.completeness = 'cut' then 'info'
        else 'ok'
      end as status,
      count(f.username) || ' users are service accounts and have sessions' || coalesce(': ' || left(string_agg(f.username, ', ' order by f.username), 200), '')
        || case when c.completeness = 'cut' then '; others are not known' else '' end as reason,
      c.realm,
      c.base_url
    from amsql.am_session_scan c
      left join (
        select distinct base_url, realm, username
        from amsql.am_session
        where username like $1
      ) f on f.base_url = c.base_url and f.realm = c.realm
    group by c.base_url, c.realm, c.completeness
    order by c.base_url, c.realm;
  EOQ

  param "pattern" {
    description = "A pattern of SQL's like."
    default     = "svc-%"
  }
}

control "limits" {
  title       = "The limits of realms are within the policy"
  description = "Limits that are longer than the parameters say, or that are not set."
  severity    = "medium"
  tags        = { nist_800_53_rev_5 = "ac_12" }

  sql = <<-EOQ
    select
      base_url || ' ' || realm as resource,
      case
        when max_session_minutes <= $1::int and max_idle_minutes <= $2::int and quota_limit <= $3::int then 'ok'
        else 'alarm'
      end as status,
      'At most ' || coalesce(max_session_minutes::text, 'unknown') || ' minutes, ' || coalesce(max_idle_minutes::text, 'unknown')
        || ' of them idle, and ' || coalesce(quota_limit::text, 'unknown') || ' sessions; the limits are the ' || source || '''s' as reason,
      realm,
      base_url
    from amsql.am_session_service
    order by base_url, realm;
  EOQ

  param "max_session_minutes" {
    description = "How long a session may last, in minutes."
    default     = 480
  }

  param "max_idle_minutes" {
    description = "How long a session may be idle, in minutes."
    default     = 30
  }

  param "quota" {
    description = "How many sessions a user may have."
    default     = 5
  }
}

control "client_side" {
  title       = "AM keeps the sessions itself"
  description = "Sessions that a realm gives its clients to keep are in no list, so that no other control has them, and can outlive a logout."
  severity    = "medium"
  tags        = { nist_800_53_rev_5 = "ac_12" }

  sql = <<-EOQ
    select
      base_url || ' ' || realm as resource,
      case client_side_sessions when true then 'alarm' when false then 'ok' else 'info' end as status,
      case client_side_sessions
        when true then 'Clients keep the sessions, which AM can neither list nor end'
        when false then 'AM keeps the sessions'
        else 'AM does not say who keeps the sessions'
      end as reason,
      realm,
      base_url
    from amsql.am_session_service
    order by base_url, realm;
  EOQ
}

control "expired" {
  title       = "No session is listed after its end"
  description = "AM removes them within a minute or so; more of them mean that it does not keep up, or that clocks differ."
  severity    = "low"
  tags        = { nist_800_53_rev_5 = "ac_12" }

  sql = <<-EOQ
    select
      c.base_url || ' ' || c.realm as resource,
      case
        when count(*) filter (where s.is_expired) > 0 then 'alarm'
        when c.completeness = 'cut' then 'info'
        else 'ok'
      end as status,
      count(*) filter (where s.is_expired) || ' of ' || count(s.realm) || ' sessions have ended and are still listed'
        || case when c.completeness = 'cut' then '; others are not known' else '' end as reason,
      c.realm,
      c.base_url
    from amsql.am_session_scan c
      join amsql.am_latest l using (base_url)
      left join amsql.am_session s on s.base_url = c.base_url and s.realm = c.realm
    group by c.base_url, c.realm, c.completeness
    order by c.base_url, c.realm;
  EOQ
}

control "other_limits" {
  title       = "Sessions have the limits of their realm"
  description = "Limits that are changed hold for new sessions. A session that may be idle for another time than its realm says is older than the change, or its user has limits of its own."
  severity    = "low"
  tags        = { nist_800_53_rev_5 = "ac_12" }

  sql = <<-EOQ
    select
      c.base_url || ' ' || c.realm as resource,
      case
        when count(*) filter (where abs(extract(epoch from s.max_idle_expiration_time - s.latest_access_time) / 60 - v.max_idle_minutes) > 1) > 0 then 'alarm'
        when c.completeness = 'cut' then 'info'
        else 'ok'
      end as status,
      count(*) filter (where abs(extract(epoch from s.max_idle_expiration_time - s.latest_access_time) / 60 - v.max_idle_minutes) > 1) || ' of ' || count(s.realm) || ' sessions have other limits'
        || case when c.completeness = 'cut' then '; others are not known' else '' end as reason,
      c.realm,
      c.base_url
    from amsql.am_session_scan c
      join amsql.am_latest l using (base_url)
      left join amsql.am_session s on s.base_url = c.base_url and s.realm = c.realm
      left join amsql.am_session_service v on v.base_url = c.base_url and v.realm = c.realm
    group by c.base_url, c.realm, c.completeness
    order by c.base_url, c.realm;
  EOQ
}
