dashboard "sign_ins" {
  title = "AM sessions: sign-ins"
  tags  = { service = "AM" }

  container {
    card {
      query = query.sign_ins_week
      width = 3
    }
    card {
      query = query.sign_ins_not_known
      width = 3
    }
  }

  chart {
    title = "Sign-ins an hour"
    type  = "line"
    query = query.sign_ins_over_time
  }

  chart {
    title = "Sign-ins by network"
    type  = "bar"
    width = 6
    query = query.sign_ins_by_network
  }

  table {
    title = "Networks"
    width = 6
    query = query.sign_ins_network_table
  }
}

query "sign_ins_week" {
  sql = <<-EOQ
    select 'Sign-ins in seven days' as label, count(*) as value
    from amsql.am_session_history
    where creation_time > (select max(creation_time) from amsql.am_session_history) - interval '7 days';
  EOQ
}

query "sign_ins_not_known" {
  sql = <<-EOQ
    select
      'Sessions of which the sign-in is not known' as label,
      count(*) as value,
      case when count(*) > 0 then 'info' else 'ok' end as type
    from amsql.am_session_history
    where creation_time is null
      and first_seen > (select max(first_seen) from amsql.am_session_history) - interval '7 days';
  EOQ
}

query "sign_ins_over_time" {
  sql = <<-EOQ
    select date_trunc('hour', creation_time) as hour, base_url || ' ' || realm as series, count(*) as sessions
    from amsql.am_session_history
    where creation_time > (select max(creation_time) from amsql.am_session_history) - interval '7 days'
    group by 1, 2
    order by 1;
  EOQ
}

query "sign_ins_by_network" {
  sql = <<-EOQ
    select
      case
        when client_ip ~ '^\d{1,3}(\.\d{1,3}){3}\Z' then text(network(set_masklen(client_ip::inet, 24)))
        when client_ip ~ ':' and client_ip !~ '[^0-9a-fA-F:.]' then text(network(set_masklen(client_ip::inet, 48)))
        else coalesce(client_ip, 'not known')
      end as network,
      count(*) as sessions
    from amsql.am_session_history
    where creation_time > (select max(creation_time) from amsql.am_session_history) - interval '7 days'
    group by 1
    order by 2 desc
    limit 20;
  EOQ
}

query "sign_ins_network_table" {
  sql = <<-EOQ
    select
      network as "Network",
      count(*) as "Sign-ins",
      count(distinct (realm, lower(username))) as "Users",
      min(creation_time) as "First",
      max(creation_time) as "Last",
      base_url as "Server"
    from (
      select
        *,
        case
          when client_ip ~ '^\d{1,3}(\.\d{1,3}){3}\Z' then text(network(set_masklen(client_ip::inet, 24)))
          when client_ip ~ ':' and client_ip !~ '[^0-9a-fA-F:.]' then text(network(set_masklen(client_ip::inet, 48)))
          else coalesce(client_ip, 'not known')
        end as network
      from amsql.am_session_history
      where creation_time > (select max(creation_time) from amsql.am_session_history) - interval '7 days'
    ) as sign_in
    group by base_url, network
    order by 2 desc, 1;
  EOQ
}
