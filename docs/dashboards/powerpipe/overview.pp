dashboard "overview" {
  title = "AM sessions: overview"
  tags  = { service = "AM" }

  container {
    card {
      query = query.overview_sessions
      width = 2
    }
    card {
      query = query.overview_users
      width = 2
    }
    card {
      query = query.overview_realms
      width = 2
    }
    card {
      query = query.overview_not_whole
      width = 2
    }
    card {
      query = query.overview_expired
      width = 2
    }
    card {
      query = query.overview_age
      width = 2
    }
  }

  container {
    chart {
      title = "Sessions by realm"
      type  = "column"
      width = 6
      query = query.overview_by_realm
    }
    chart {
      title = "Sessions over time"
      type  = "line"
      width = 6
      query = query.overview_over_time
    }
    chart {
      title = "Idle time"
      type  = "column"
      width = 6
      query = query.overview_idle
    }
    chart {
      title = "Ends in"
      type  = "column"
      width = 6
      query = query.overview_ends
    }
  }

  table {
    title = "Realms"
    query = query.overview_realm_table

    column "Realm" {
      href = "${dashboard.realm.url_path}?input.server={{.'Server' | @uri}}&input.realm={{.'Realm' | @uri}}"
    }
  }
}

query "overview_sessions" {
  sql = <<-EOQ
    select 'Sessions' as label, count(*) as value from amsql.am_session;
  EOQ
}

query "overview_users" {
  sql = <<-EOQ
    select 'Users' as label, count(distinct (base_url, realm, username)) as value from amsql.am_session;
  EOQ
}

query "overview_realms" {
  sql = <<-EOQ
    select 'Realms' as label, count(*) as value from amsql.am_session_scan;
  EOQ
}

query "overview_not_whole" {
  sql = <<-EOQ
    select
      'Realms truncated or failed' as label,
      count(*) as value,
      case when count(*) > 0 then 'alert' else 'ok' end as type
    from amsql.am_session_scan
    where completeness = 'truncated';
  EOQ
}

query "overview_expired" {
  sql = <<-EOQ
    select
      'Expired but still listed' as label,
      count(*) as value,
      case when count(*) > 0 then 'info' else 'ok' end as type
    from amsql.am_session
    where is_expired;
  EOQ
}

query "overview_age" {
  sql = <<-EOQ
    select
      'Minutes since the scan' as label,
      round(extract(epoch from now() - min(taken_at)) / 60) as value,
      case when min(taken_at) < now() - interval '1 hour' then 'alert' else 'ok' end as type
    from amsql.am_latest;
  EOQ
}

query "overview_by_realm" {
  sql = <<-EOQ
    select realm, sum(sessions) as sessions from amsql.am_session_scan group by realm order by 2 desc;
  EOQ
}

query "overview_over_time" {
  sql = <<-EOQ
    select taken_at, base_url || ' ' || realm as series, sum(sessions) as sessions
    from amsql.am_concurrency
    where taken_at > (select max(taken_at) from amsql.am_latest) - interval '7 days'
    group by taken_at, base_url, realm
    order by taken_at;
  EOQ
}

query "overview_idle" {
  sql = <<-EOQ
    select bucket, count(*) as sessions
    from (
      select
        case
          when l.now - s.latest_access_time < interval '5 minutes' then '1: under 5 minutes'
          when l.now - s.latest_access_time < interval '15 minutes' then '2: 5 to 15 minutes'
          when l.now - s.latest_access_time < interval '1 hour' then '3: 15 to 60 minutes'
          else '4: an hour and more'
        end as bucket
      from amsql.am_session s
        join (
          select l.base_url, l.taken_at + coalesce(v.clock_skew_seconds, 0) * interval '1 second' as now
          from amsql.am_latest l
            left join amsql.am_server v using (base_url)
        ) l using (base_url)
    ) s
    group by bucket
    order by bucket;
  EOQ
}

query "overview_ends" {
  sql = <<-EOQ
    select bucket, count(*) as sessions
    from (
      select
        case
          when least(s.max_idle_expiration_time, s.max_session_expiration_time) <= l.now then '0: expired'
          when s.max_session_expiration_time < l.now + interval '15 minutes' then '1: under 15 minutes'
          when s.max_session_expiration_time < l.now + interval '1 hour' then '2: 15 to 60 minutes'
          when s.max_session_expiration_time < l.now + interval '8 hours' then '3: 1 to 8 hours'
          else '4: 8 hours and more'
        end as bucket
      from amsql.am_session s
        join (
          select l.base_url, l.taken_at + coalesce(v.clock_skew_seconds, 0) * interval '1 second' as now
          from amsql.am_latest l
            left join amsql.am_server v using (base_url)
        ) l using (base_url)
    ) s
    group by bucket
    order by bucket;
  EOQ
}

query "overview_realm_table" {
  sql = <<-EOQ
    select
      c.realm as "Realm",
      c.sessions as "Sessions",
      count(distinct s.username) as "Users",
      c.completeness as "Listed",
      coalesce(c.error, c.reason) as "Why not whole",
      v.max_session_minutes as "Longest (min)",
      v.max_idle_minutes as "Idle (min)",
      v.quota_limit as "Quota",
      c.base_url as "Server"
    from amsql.am_session_scan c
      left join amsql.am_session s on s.base_url = c.base_url and s.realm = c.realm
      left join amsql.am_session_service v on v.base_url = c.base_url and v.realm = c.realm
    group by c.base_url, c.realm, c.sessions, c.completeness, c.error, c.reason, v.max_session_minutes, v.max_idle_minutes, v.quota_limit
    order by c.sessions desc, c.realm;
  EOQ
}
