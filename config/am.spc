connection "am" {
  plugin = "amsql/am"

  # Address of the deployment, with AM's context path (…/am, …/openam).
  # Can also be set with the AM_URL environment variable.
  # base_url = "https://am.example.com/am"

  # The host name that AM is installed under, where base_url has another or an address: AM refuses to be called by a name that it
  # does not know (400, FQDN … is not valid). Requests say this name and go to base_url.
  # Can also be set with the AM_HOST environment variable.
  # host = "am.example.com"

  # CREDENTIALS: one of the four kinds. A secret can be given as it is, as "env:NAME" (an environment variable) or as
  # "file:/path" (a file that holds nothing else, and is read again where AM no longer takes the secret). Prefer the latter
  # two: hosts may write this text to their logs.

  # 1. An account that may list sessions: amAdmin or a delegated administrator.
  # Can also be set with the AM_USERNAME and AM_PASSWORD environment variables.
  # username = "amadmin"
  # password = "file:/run/secrets/am-password"

  # Where sign-ins need a one-time password: the secret that codes are made from (RFC 6238, in base32, as AM shows it beside
  # its QR code; 6 digits, 30 seconds, SHA-1), or the code itself. AM accepts each code once: leave 30 seconds between sign-ins.
  # Can also be set with the AM_TOTP_SECRET and AM_OTP environment variables.
  # totp_secret = "file:/run/secrets/am-totp"
  # otp         = "env:MY_AM_CODE"

  # The realm that the account lives in; the root by default.
  # login_realm = "/"

  # The tree or chain that signs the account in; the realm's default by default. It takes name and password from headers (in a
  # tree, a Zero Page Login Collector node), or asks for them.
  # login_service = "adminconsoleservice"

  # 2. The token of a session that somebody else began. It is not ended.
  # Can also be set with the AM_SSO_TOKEN environment variable.
  # sso_token = "env:MY_AM_SESSION"

  # 3. An OAuth 2.0 access token with the scope fr:am:*. Can also be set with the AM_ACCESS_TOKEN environment variable.
  # access_token = "file:/run/secrets/am-access-token"

  # 4. A service account of PingOne Advanced Identity Cloud, with the scope fr:am:* (and fr:idm:* to list identities).
  # Can also be set with the AM_SERVICE_ACCOUNT_ID and AM_SERVICE_ACCOUNT_JWK environment variables.
  # service_account_id  = "449d7e27-7889-47af-a736-83b6bbf97ec5"
  # service_account_jwk = "file:/run/secrets/service-account.jwk"

  # Name of AM's session cookie; asked of the server by default. The token goes as a header of that name, or as the cookie where
  # a proxy drops the header, as nginx does where the name has an underscore.
  # Can also be set with the AM_COOKIE_NAME environment variable.
  # cookie_name = "iPlanetDirectoryPro"

  # SCOPE AND COMPLETENESS

  # Realms that a query without a realm asks; all that the server lists by default.
  # Can also be set with the AM_REALMS environment variable, separated by commas.
  # realms = ["/alpha", "/bravo"]

  # Maximum number of sessions in a list of AM. Read from the server (global session service, search.maxSessionListSize)
  # where the account may. Otherwise a realm with 20 sessions or more is asked identity by identity, unless this is set.
  # list_cap = 120

  # Maximum number of identities in a list of OpenAM or AM; Advanced Identity Cloud lists all. By default it is found out:
  # a list of 50 or more is compared with two parts of it. A number here saves two requests a list.
  # user_list_cap = 1000

  # What to do when sessions may be missing because AM cut a list: "error", "warn" (a notice), or "strict" (an error even
  # where every known identity was asked by name and no answer was cut).
  # on_truncation = "error"

  # What to do when one realm of several cannot be listed: "error" or "warn".
  # on_realm_error = "error"

  # TOKEN STORE: where AM keeps its sessions. With it, am_session has all of them at once, whatever the list cap, and answers
  # where AM does not. It is only read. See docs/token-store.md. Each argument can also be set with the environment variable
  # that it names, where the connection names no base_url or does name a token store.

  # Its address: ldaps://, or ldap:// for StartTLS. Several, separated by commas, are tried in order (AM_TOKEN_STORE_URL).
  # token_store_url = "ldaps://ds1.example.com:1636, ldaps://ds2.example.com:1636"

  # The entry above the sessions; found by the server's naming contexts by default (AM_TOKEN_STORE_BASE_DN).
  # token_store_base_dn = "ou=famrecords,ou=openam-session,ou=tokens"

  # The account that reads, and no more, and its password (AM_TOKEN_STORE_BIND_DN, AM_TOKEN_STORE_PASSWORD).
  # token_store_bind_dn  = "uid=amsql-reader,ou=admins,ou=famrecords,ou=openam-session,ou=tokens"
  # token_store_password = "file:/run/secrets/token-store-password"

  # Or a client certificate and its key, as PEM files, that sign in instead (SASL EXTERNAL, without token_store_bind_dn).
  # token_store_client_cert_file = "/etc/ssl/amsql-ldap.pem"
  # token_store_client_key_file  = "/etc/ssl/amsql-ldap.key"

  # Certificate authorities beside the system's, as a PEM file (AM_TOKEN_STORE_CA_FILE), or the SHA-256 of the one certificate
  # to take, such as an embedded store's, which names no host (AM_TOKEN_STORE_FINGERPRINT).
  # token_store_ca_file     = "/etc/ssl/company-ca.pem"
  # token_store_fingerprint = "5C:1B:9F:1A:0D:3E:5B:61:8D:0C:5A:9B:A4:0F:DD:7A:2E:36:4F:90:C1:7B:4D:8E:22:5D:43:6A:F8:E1:70:B9"

  # Read the objects of sessions as well, for auth_level, auth_type, service, client_ip, tracking_id and session_type. They
  # hold the tokens of all sessions: whoever has the account that may read them can be anybody (AM_TOKEN_STORE_OBJECTS).
  # token_store_objects = false

  # CONNECTION

  # Resource version of the sessions endpoint (5.1, 5.0, 4.0, 3.1, 3.0, 2.1, 2.0, 1.2) instead of the newest up to 4.0 that the
  # server has. Session properties go at 3.1 and logoutByUser at 5.1 where the server has them.
  # Can also be set with the AM_API environment variable.
  # api = "4.0"

  # The most requests under way at once; fewer are used where the server does not keep up.
  # max_concurrency = 16

  # Requests a second at the most; unlimited by default.
  # rate_limit = 50

  # How often a request that changes nothing is repeated when the server is overloaded or out of reach.
  # max_retries = 3

  # How long the server may be silent.
  # timeout = "60s"

  # An HTTP proxy; that of the environment (HTTPS_PROXY) by default.
  # proxy = "http://proxy.example.com:3128"

  # Certificate authorities beside the system's, and this client's certificate and key, as PEM files.
  # ca_file          = "/etc/ssl/company-ca.pem"
  # client_cert_file = "/etc/ssl/amsql.pem"
  # client_key_file  = "/etc/ssl/amsql.key"

  # Take any certificate: for trials only.
  # insecure_skip_verify = false
}
