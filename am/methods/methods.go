package methods

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/amsql/steampipe-plugin-am/am/inventory"
	"github.com/amsql/steampipe-plugin-am/am/rest"
	"github.com/amsql/steampipe-plugin-am/am/table"
)

var sessionColumns = []table.Column{
	{Name: "username", Type: table.Text, Description: "Name of the user, as in am_session."},
	{Name: "realm", Type: table.Text, Description: "Full path of the realm."},
	{Name: "universal_id", Type: table.Text, Description: "AM's universal identifier of the user (a DN)."},
	{Name: "session_handle", Type: table.Text, Description: "Handle with which an administrator can end the session."},
	{Name: "latest_access_time", Type: table.Timestamp, Description: "When the session was last used, in UTC."},
	{Name: "max_idle_expiration_time", Type: table.Timestamp, Description: "When the session ends if it is not used before, in UTC."},
	{Name: "max_session_expiration_time", Type: table.Timestamp, Description: "When the session ends at the latest, in UTC."},
	{Name: "properties", Type: table.JSON, Description: "Properties of the session: an object of strings."},
}

var propertyColumns = []table.Column{{Name: "name", Type: table.Text, Description: "Name of the property."},
	{Name: "value", Type: table.Text, Description: "Value of the property; NULL if it is not set."}}

// OutcomeColumns are the columns of [OutcomeRows].
var OutcomeColumns = []table.Column{
	{Name: "username", Type: table.Text, Description: "Name of the user, as in am_session."},
	{Name: "realm", Type: table.Text, Description: "Full path of the realm."},
	{Name: "outcome", Type: table.Text, Description: "What became of the session: `ended`, `already gone`, `not found`, `still listed`, `refused` or `unknown`; `planned` in a dry run."},
	{Name: "reason", Type: table.Text, Description: "Why the session was not ended."},
	{Name: "session_handle", Type: table.Text, Description: "Handle with which an administrator can end the session."},
	{Name: "connection", Type: table.Text, Description: "Name of the connection."},
	{Name: "base_url", Type: table.Text, Description: "Address of the server."},
}

// Methods are all methods, in the order of the documentation.
var Methods = []*Method{
	{
		Name: "query", Action: "query", By: []Access{{"select", "am_session"}}, Optional: []string{"realm", "username"},
		Description: "Lists server-side sessions. The list is complete, or the query fails.",
		Effects:     "none",
		columns:     sessionColumns, run: query,
	},
	{
		Name: "get_session_info", Action: "getSessionInfo", By: []Access{{"select", "am_session_info"}}, Optional: []string{"token_id"},
		Description: "Returns what AM knows about a token. For an invalid token, `valid` is false.",
		Effects:     "none on the session of a token; without one, resets the idle time of amsql's own session",
		columns:     infoColumns, run: sessionInfo,
	},
	{
		Name: "get_session_info_and_reset_idle_time", Action: "getSessionInfoAndResetIdleTime", Optional: []string{"token_id"}, Effect: Changes,
		Description: "Returns the same and resets the idle time, except of client-side sessions, whose idle time AM does not monitor.",
		Effects:     "resets the session's idle time",
		columns:     infoColumns, run: sessionInfoAndReset,
	},
	{
		Name: "get_session_properties", Action: "getSessionProperties", By: []Access{{"select", "am_session_property"}}, Optional: []string{"token_id"},
		Description: "Returns the properties that the Session Property Whitelist of the session's realm names.",
		Effects:     "none",
		columns:     propertyColumns, run: sessionProperties,
	},
	{
		Name: "update_session_properties", Action: "updateSessionProperties", Effect: Changes,
		By:       []Access{{"insert", "am_session_property"}, {"update", "am_session_property"}},
		Required: []string{"properties"}, Optional: []string{"token_id"},
		Description: "Sets session properties and returns all of them. Properties that are not named keep their values. Those of a client-side session can be set only during the login: AM answers 400.",
		Effects:     "sets the properties",
		columns:     propertyColumns, run: updateProperties,
	},
	{
		Name: "validate", Action: "validate", By: []Access{{"select", "am_session_info"}}, Optional: []string{"token_id"},
		Description: "Returns whether a token is valid, and the UID of its session. If AM cannot do that without resetting the idle time, amsql sends getSessionInfo instead, which returns no UID.",
		Effects:     "none (sent with `refresh=false`)",
		columns: []table.Column{
			{Name: "valid", Type: table.Boolean, Description: "Whether the token belongs to a live session."},
			{Name: "session_uid", Type: table.Text, Description: "Identifier of the session, in the form of AMCtxId; NULL if the version returns none."},
			{Name: "username", Type: table.Text, Description: "Name of the user, as in am_session."},
			{Name: "realm", Type: table.Text, Description: "Full path of the realm."},
		}, run: validate,
	},
	{
		Name: "refresh", Action: "refresh", Optional: []string{"token_id"}, Effect: Changes,
		Description: "Resets the idle time of a session and returns its limits. AM does so at most once a minute (Latest Access Time Update Frequency), and never for a client-side session, whose idle time it does not monitor.",
		Effects:     "resets the session's idle time",
		columns: []table.Column{
			{Name: "valid", Type: table.Boolean, Description: "Whether the token belongs to a live session."},
			{Name: "username", Type: table.Text, Description: "Name of the user, as in am_session."},
			{Name: "realm", Type: table.Text, Description: "Full path of the realm."},
			{Name: "idle_seconds", Type: table.Integer, Description: "How long the session has been idle, in seconds (OpenAM: whole minutes)."},
			{Name: "max_idle_minutes", Type: table.Integer, Description: "How long the session may be idle, in minutes."},
			{Name: "max_session_minutes", Type: table.Integer, Description: "How long the session may last, in minutes."},
			{Name: "seconds_left", Type: table.Integer, Description: "How long the session can still last, in seconds."},
		}, run: refresh,
	},
	{
		Name: "logout", Action: "logout", Required: []string{"token_id"}, Effect: Ends,
		Description: "Ends the session of a token.",
		Effects:     "ends the session; a client-side session only if denylisting is on",
		columns:     OutcomeColumns, run: logout,
	},
	{
		Name: "logout_by_handle", Action: "logoutByHandle", By: []Access{{"delete", "am_session"}}, Required: []string{"session_handle"}, Effect: Ends,
		Description: "Ends sessions by their handles.",
		Effects:     "ends the sessions",
		columns:     OutcomeColumns, run: logoutByHandle,
	},
	{
		Name: "logout_by_user", Action: "logoutByUser", Required: []string{"username"}, Optional: []string{"realm"}, Effect: Ends,
		Description: "Ends all sessions of a user: listed sessions by handle until none is left, then client-side sessions by logoutByUser, which OpenAM lacks.",
		Effects:     "ends the sessions; client-side sessions only if AM invalidates sessions by user",
		columns:     OutcomeColumns, run: logoutByUser,
	},
}

// Versions returns the resource versions of sessions at which AM receives the method's action, newest first. Methods
// that end sessions also list them before and afterwards, so the version must support that, too.
func (m *Method) Versions() []string {
	versions := rest.Versions(m.Action)
	if m.Effect == Ends {
		asked := rest.Versions("query")
		versions = slices.DeleteFunc(versions, func(v string) bool { return !slices.Contains(asked, v) })
	}
	return versions
}

func query(ctx context.Context, e *Terminator, args Arguments) (rows [][]any, err error) {
	if realm := args.one("realm"); realm != "" {
		err := e.findRealm(ctx, realm)
		if absent := new(NotFoundError); errors.As(err, &absent) {
			absent.Reads = true
		}
		if err != nil {
			return nil, err
		}
	}
	for s, err := range e.Inventory.Sessions(ctx, inventory.Query{Realms: args["realm"], Usernames: args["username"]}) {
		if err != nil {
			return nil, err
		}
		rows = append(rows, sessionRow(s))
	}
	return rows, nil
}

func sessionRow(s *rest.Session) []any {
	row := []any{
		text(s.Username), text(s.Realm), text(s.UniversalID), text(s.Handle),
		moment(s.LatestAccess), moment(s.MaxIdleExpiration), moment(s.MaxSessionExpiration), nil,
	}
	if s.Properties != nil {
		row[len(row)-1] = s.Properties
	}
	return row
}

var infoColumns = append([]table.Column{{Name: "valid", Type: table.Boolean, Description: "Whether the token belongs to a live session."}}, sessionColumns...)

func sessionInfo(ctx context.Context, e *Terminator, args Arguments) ([][]any, error) {
	info, err := e.Client.SessionInfo(ctx, args.one("token_id"))
	return infoRow(info, err)
}

func sessionInfoAndReset(ctx context.Context, e *Terminator, args Arguments) ([][]any, error) {
	info, err := e.Client.SessionInfoAndResetIdleTime(ctx, args.one("token_id"))
	return infoRow(info, err)
}

func infoRow(info *rest.SessionInfo, err error) ([][]any, error) {
	if err != nil {
		return nil, err
	}
	return [][]any{append([]any{info.Valid}, sessionRow(&info.Session)...)}, nil
}

func sessionProperties(ctx context.Context, e *Terminator, args Arguments) ([][]any, error) {
	properties, err := e.Client.SessionProperties(ctx, args.one("token_id"))
	return propertyRows(properties, err)
}

func propertyRows(properties map[string]string, err error) (rows [][]any, _ error) {
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		rows = append(rows, []any{name, properties[name]})
	}
	return rows, err
}

func updateProperties(ctx context.Context, e *Terminator, args Arguments) ([][]any, error) {
	var changes map[string]string
	if err := json.Unmarshal([]byte(args.one("properties")), &changes); err != nil || len(changes) == 0 {
		return nil, &ArgumentError{"properties must be a JSON object of strings, such as {\"theme\":\"dark\"}"}
	}
	properties, err := SetProperties(ctx, e.Client, args.one("token_id"), changes)
	return propertyRows(properties, err)
}

func validate(ctx context.Context, e *Terminator, args Arguments) ([][]any, error) {
	state, err := e.Client.TokenState(ctx, args.one("token_id"))
	if err != nil {
		return nil, err
	}
	return [][]any{{state.Valid, text(state.SessionUID), text(state.Username), text(state.Realm)}}, nil
}

func refresh(ctx context.Context, e *Terminator, args Arguments) ([][]any, error) {
	t, err := e.Client.Refresh(ctx, args.one("token_id"))
	switch {
	case err != nil:
		return nil, err
	case t.Valid != nil && !*t.Valid:
		return [][]any{{false, nil, nil, nil, nil, nil, nil}}, nil
	}
	return [][]any{{true, text(t.Username), text(t.Realm), int64(t.IdleSeconds), int64(t.MaxIdleMinutes), int64(t.MaxMinutes), int64(t.LeftSeconds)}}, nil
}

func logout(ctx context.Context, e *Terminator, args Arguments) ([][]any, error) {
	return ended(e.EndSessions(ctx, []Session{{Token: args.one("token_id")}}))
}

func logoutByHandle(ctx context.Context, e *Terminator, args Arguments) ([][]any, error) {
	sessions := make([]Session, len(args["session_handle"]))
	for i, handle := range args["session_handle"] {
		sessions[i].Handle = handle
	}
	return ended(e.EndSessions(ctx, sessions))
}

func logoutByUser(ctx context.Context, e *Terminator, args Arguments) ([][]any, error) {
	return ended(e.EndUser(ctx, args.one("realm"), args.one("username")))
}

func ended(outcomes []Outcome, err error) ([][]any, error) {
	if err == nil {
		err = Remaining(outcomes)
	}
	return OutcomeRows(outcomes), err
}

// OutcomeRows returns the outcomes as rows.
func OutcomeRows(outcomes []Outcome) [][]any {
	rows := make([][]any, len(outcomes))
	for i, o := range outcomes {
		rows[i] = []any{text(o.Username), text(o.Realm), string(o.State), text(o.Reason), text(o.Handle), text(o.Connection), text(o.BaseURL)}
	}
	return rows
}

// ShownColumns are the columns of [ShownRows]. Handles are not among them, because with them the table would not fit on a screen.
var ShownColumns = []table.Column{
	{Name: "username"}, {Name: "realm"}, {Name: "last_used", Type: table.Timestamp}, {Name: "ends", Type: table.Timestamp},
	{Name: "outcome"}, {Name: "reason"}, {Name: "connection"}, {Name: "base_url"},
}

// ShownRows returns a row for each outcome, for people to read.
func ShownRows(outcomes []Outcome) [][]any {
	rows := make([][]any, len(outcomes))
	for i, o := range outcomes {
		rows[i] = []any{text(o.Username), text(o.Realm), moment(o.LatestAccess), moment(o.Ends), string(o.State), text(o.Reason), text(o.Connection), text(o.BaseURL)}
	}
	return rows
}

// The functions below make cells of values whose zero value means that they are absent.

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func moment(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}
