package history

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/amsql/steampipe-plugin-am/am/connection"
)

// passwordFile is a URL whose password is in a file, whose path need not be escaped.
var passwordFile = regexp.MustCompile(`^(postgres(?:ql)?://[^:/?#@]*:file:)([^@]*/[^@]*)(@.*)$`)

// errURL is what is said of a URL that cannot be read: where its parts end is not known, so that any may hold the password.
var errURL = errors.New("invalid URL of PostgreSQL: in a user's name or password, write the characters : / ? # [ ] @ % and blanks as %3A %2F %3F %23 %5B %5D %40 %25 and %20, " +
	"or omit the password and set PGPASSWORD or PGPASSFILE")

// parsePostgres reads a URL, its password from where it is. No error shows a part of it: in a password with characters that
// have a meaning in a URL, a parser takes its parts for hosts, ports, databases or settings, and tells of those.
func parsePostgres(text string) (*pgconn.Config, error) {
	if found := passwordFile.FindStringSubmatch(text); found != nil {
		text = found[1] + url.PathEscape(found[2]) + found[3]
	}
	if !clear(text) {
		return nil, errURL
	}
	config, err := pgconn.ParseConfig(text)
	if err != nil && strings.Contains(text, "password=") {
		return nil, errURL
	}
	if err != nil {
		return nil, err // which shows no password
	}
	if config.Password, err = connection.Secret(config.Password); err != nil {
		return nil, fmt.Errorf("the password of the URL: %w", err)
	}
	return config, nil
}

// clear reports whether a URL can be read in one way: it is one by RFC 3986, with one @ before the host and none behind it.
func clear(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return false
	}
	return u.Fragment == "" && !strings.Contains(text, "#") && strings.Count(text, "@") <= 1 && (u.User != nil) == strings.Contains(text, "@")
}
