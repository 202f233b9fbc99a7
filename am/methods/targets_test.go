package methods_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/amsql/steampipe-plugin-am/am/methods"
)

const (
	handleA = "shandle:AQIC5wM2LY4Sfcy8ph8RU0FqUnewujrjUYhk9B70hyfUWxw.*AAJTSQACMDEAAlNLABMtOTMwNTM0MTIyODIzNzI5ODQ1AAJTMQAA*"
	handleB = "shandle:AQIC5wM2LY4SfcwjDDGsPgDz5tv1IbpA48L92-E5MgqNuaw.*AAJTSQACMDEAAlNLABM5MDE3NjE3NTcwMjgyMTAzMjk3AAJTMQAA*"
	tokenA  = "AQIC5wM2LY4Sfcz7uSrqdZ5uCZkVYz8yS1ZQq0vT1r4mJ3E.*AAJTSQACMDEAAlNLABMtOTMwNTM0MTIyODIzNzI5ODQ1AAJTMQAA*"
	tokenB  = "*AAJTSQACMDEAAlMxAAA.*eyJ0eXAiOiJKV1QiLCJjdHkiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.ZXlKMGVYQWlPaUpLVjFRaUxD.c2lnbmF0dXJl"
	legacy  = "AQIC5wM2LY4SfcwXYZ0123456789@AAJTSQACMDE=#" // without c66 encoding
)

// utf16LE encodes a text as PowerShell does in files.
func utf16LE(text string) string {
	b := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(text)) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return string(b)
}

func TestHandlesAreReadFromWhatIsUnambiguous(t *testing.T) {
	bare := []methods.Session{{Handle: handleA}, {Handle: handleB}}
	named := []methods.Session{{Handle: handleA, Username: "ajensen", Realm: "/alpha"}, {Handle: handleB, Username: "b,k", Realm: "/bravo"}}
	row := func(handle, username, realm string) string {
		return `{"session_handle":"` + handle + `","username":"` + username + `","realm":"` + realm + `"}`
	}
	rowA, rowB := row(handleA, "ajensen", "/alpha"), row(handleB, "b,k", "/bravo")
	list := strings.ReplaceAll(rowA+","+rowB, "session_handle", "sessionHandle")
	for name, c := range map[string]struct {
		text string
		want []methods.Session
	}{
		"one a line":                   {handleA + "\n" + handleB + "\n", bare},
		"blanks, CRLF, empty lines":    {"\r\n  " + handleA + " \r\n\r\n\t" + handleB, bare},
		"a byte-order mark":            {"\ufeff" + handleA + "\n" + handleB, bare},
		"UTF-16":                       {utf16LE(handleA + "\r\n" + handleB + "\r\n"), bare},
		"quoted, as by jq":             {`"` + handleA + "\"\n\"" + handleB + "\"\n", bare},
		"CSV of one column":            {"session_handle\n" + handleA + "\n" + handleB + "\n", bare},
		"CSV":                          {"realm,username,session_handle\n/alpha,ajensen," + handleA + "\n/bravo,\"b,k\"," + handleB + "\n", named},
		"CSV with semicolons":          {"\ufeffrealm;username;session_handle\r\n/alpha;ajensen;" + handleA + "\r\n/bravo;b,k;" + handleB + "\r\n", named},
		"tab-separated":                {"session_handle\tusername\trealm\n" + handleA + "\tajensen\t/alpha\n" + handleB + "\tb,k\t/bravo\n", named},
		"CSV in capitals":              {"REALM,USERNAME,SESSION_HANDLE\n/alpha,ajensen," + handleA + "\n/bravo,\"b,k\"," + handleB + "\n", named},
		"CSV, UTF-16":                  {utf16LE("\"session_handle\",\"username\",\"realm\"\r\n" + handleA + ",ajensen,/alpha\r\n" + handleB + ",\"b,k\",/bravo\r\n"), named},
		"JSON of amsql":                {"[" + rowA + ",\n" + rowB + "]", named},
		"JSON of Steampipe":            {`{"columns":[{"name":"session_handle"}],"rows":[` + rowA + "," + rowB + "]}", named},
		"JSON lines":                   {rowA + "\n" + rowB + "\n", named},
		"JSON of strings":              {`["` + handleA + `","` + handleB + `"]`, bare},
		"AM's list":                    {`{"result":[` + list + `],"resultCount":2,"pagedResultsCookie":null}`, named},
		"AM's list, a byte-order mark": {"\ufeff" + `{"result":[` + list + `]}`, named},
		"no rows":                      {`{"columns":[],"rows":[]}`, nil},
		"no rows of Steampipe":         {`{"columns":[],"rows":null}`, nil},
		"only a header":                {"username,session_handle\n", nil},
		"nothing":                      {"\n", nil},
	} {
		got, err := methods.ParseHandles([]byte(c.text))
		if err != nil || !cmp.Equal(got, c.want) {
			t.Errorf("%s: %v\n%s", name, err, cmp.Diff(c.want, got))
		}
	}
}

func TestTokensAreReadFromWhatIsUnambiguous(t *testing.T) {
	both := []methods.Session{{Token: tokenA}, {Token: tokenB}}
	one := both[:1]
	for name, c := range map[string]struct {
		text string
		want []methods.Session
	}{
		"one a line":             {tokenA + "\n" + tokenB + "\n", both},
		"UTF-16":                 {utf16LE(tokenA + "\r\n" + tokenB), both},
		"quoted":                 {`"` + tokenA + "\"\n\"" + tokenB + "\"\n", both},
		"of authenticate":        {`{"tokenId":"` + tokenA + `","successUrl":"/openam/console","realm":"/"}`, one},
		"of authenticate, lines": {`{"tokenId":"` + tokenA + `","realm":"/"}` + "\n" + `{"tokenId":"` + tokenB + `"}`, both},
		"of a query":             {`{"rows":[{"token_id":"` + tokenA + `"},{"token_id":"` + tokenB + `"}]}`, both},
		"CSV":                    {"token_id,valid\n" + tokenA + ",true\n" + tokenB + ",true\n", both},
		"a cookie":               {"iPlanetDirectoryPro=" + tokenA, one},
		"a cookie header":        {"Cookie: iPlanetDirectoryPro=" + tokenA, one},
		"of another name":        {"corpSSO_prod=" + tokenA, one},
		"among others":           {"Cookie: amlbcookie=01; corpSSO_prod=\"" + tokenA + "\"; AWSALB=a+b/c==", one},
		"in small letters":       {"set-cookie: iplanetdirectorypro=" + tokenA + "; path=/", one},
		"CSV in capitals":        {"TOKENID;VALID\n" + tokenA + ";t\n" + tokenB + ";t\n", both},
		"a cookie that is set":   {"Set-Cookie: iPlanetDirectoryPro=" + tokenA + "; Path=/; HttpOnly\r\n", one},
		"without c66":            {legacy, []methods.Session{{Token: legacy}}},
	} {
		got, err := methods.ParseTokens([]byte(c.text))
		if err != nil || !cmp.Equal(got, c.want) {
			t.Errorf("%s: %v\n%s", name, err, cmp.Diff(c.want, got))
		}
	}
}

func TestWhatIsNoHandleIsRefusedWithItsLine(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"a word":               {handleA + "\ngarbage\n", "line 2: expected a session handle, which begins with shandle:"},
		"two columns":          {handleA + ",ajensen\n", "line 1: expected a session handle"},
		"a header without one": {"username,realm\najensen,/alpha\n", "line 1: expected a session handle, which begins with shandle:; use --token-file for tokens; CSV needs the column session_handle"},
		"blanks within":        {"shandle:a b\n", "line 1: expected a session handle"},
		"only the prefix":      {"\nshandle:\n", "line 2: expected a session handle"},
		"an upper-case prefix": {"SHANDLE:" + handleA[8:], "line 1: expected a session handle"},
		"a token":              {handleA + "\n" + tokenA, "line 2: expected a session handle, which begins with shandle:; use --token-file for tokens"},
		"a client-side token":  {tokenB, "line 1: expected a session handle, which begins with shandle:; use --token-file for tokens"},
		"a cookie":             {"iPlanetDirectoryPro=" + tokenA, "line 1: expected a session handle"},
		"a table":              {"+-----+\n| " + handleA + " |\n", "line 1: expected a session handle"},
		"a comma behind":       {`"` + handleA + "\",\n", "line 1: expected a session handle"},
		"UTF-16, no mark":      {utf16LE(handleA)[2:], "line 1: expected a session handle"},
		"a NUL":                {"shandle:a\x00b", "line 1: expected a session handle"},
		"CSV: an empty cell":   {"session_handle,username\n" + handleA + ",a\n,b\n", "line 3: session_handle is empty"},
		"CSV: a bad cell":      {"session_handle,username\nbob," + handleA + "\n", "line 2: expected a session handle"},
		"CSV: short":           {"username,session_handle\na," + handleA + "\nb\n", "line 3: wrong number of fields"},
		"CSV: two of a name":   {"session_handle,session_handle\n", "line 1: session_handle occurs twice"},
		"CSV: quotes":          {"session_handle,username\n" + handleA + ",a\"b\n", `line 2: bare " in non-quoted-field`},
		"JSON: no handle":      {"{\"rows\":[\n{\"session_handle\":\"" + handleA + "\"},\n{\"username\":\"x\"}]}", "line 3: column session_handle is missing"},
		"JSON: null":           {`[{"session_handle":null}]`, "line 1: session_handle is null"},
		"JSON: a number":       {`[{"session_handle":7}]`, "line 1: session_handle: json: cannot unmarshal number"},
		"JSON: a bad user":     {"[\n\n" + `{"session_handle":"` + handleA + `","username":{}}]`, "line 3: username: json: cannot unmarshal object"},
		"JSON: number alone":   {`[7]`, "line 1: expected a row or a session handle"},
		"JSON: broken":         {"[\n{\"session_handle\":\"" + handleA + "\"},\n", "line 3: unexpected EOF"},
		"JSON: more behind":    {"{\"rows\":[]}\ngarbage", "line 2: invalid character 'g'"},
		"JSON: a token":        {`{"tokenId":"` + tokenA + `","realm":"/"}`, "line 1: this is a token: use --token-file"},
		"JSON: an error of AM": {`{"code":401,"reason":"Unauthorized","message":"Access Denied"}`, "line 1: column session_handle is missing"},
		"JSON: of a logout":    {`{"result":{"` + handleA + `":true}}`, "line 1: result: expected an array"},
	} {
		got, err := methods.ParseHandles([]byte(c.text))
		refused(t, name, c.text, c.says, got, err)
	}
}

func TestWhatIsNoTokenIsRefusedWithItsLine(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"a handle":         {tokenA + "\n" + handleA, "line 2: this is a session handle: use --handle or --from"},
		"blanks within":    {"an old token", "line 1: expected a session token"},
		"another cookie":   {"amlbcookie=01", "line 1: expected a session token"},
		"a word":           {tokenA + "\nhello\n", "line 2: expected a session token"},
		"another header":   {"token\n" + tokenA + "\n", "line 1: expected a session token (AQIC…*), or the line of its cookie (iPlanetDirectoryPro=…); CSV needs the column tokenId"},
		"a comment":        {"#tokens\n" + tokenA + "\n", "line 1: expected a session token"},
		"null":             {"null\n", "line 1: expected a session token"},
		"OAuth's":          {"eyJ0eXAiOiJKV1QifQ.e30.c2ln", "line 1: expected a session token"},
		"two cookies":      {"a=" + tokenA + "; b=" + tokenB, "line 1: expected a session token"},
		"a setting":        {"AM_SSO_TOKEN=\n", "line 1: expected a session token"},
		"an object":        {"{}", "line 1: column tokenId is missing"},
		"HttpOnly cookies": {`{"tokenId":"","successUrl":"/"}`, "line 1: tokenId is empty"},
		"JSON: a handle":   {`[{"session_handle":"` + handleA + `"}]`, "line 1: this is a session handle: use --handle or --from"},
		"an escape":        {strings.Replace(tokenA, "*", "%2A", 1), "line 1: expected a session token"},
	} {
		got, err := methods.ParseTokens([]byte(c.text))
		refused(t, name, c.text, c.says, got, err)
	}
}

func refused(t *testing.T, name, text, says string, got []methods.Session, err error) {
	t.Helper()
	if err == nil || !strings.HasPrefix(err.Error(), says) || got != nil {
		t.Errorf("%s: %v, %v; want %s", name, got, err, says)
		return
	}
	tellsNoSecret(t, text, err)
}

// tellsNoSecret fails if an error contains a long word of a text, because handles and tokens are long: a handle can end
// a session.
func tellsNoSecret(t *testing.T, text string, err error) {
	t.Helper()
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n\",;|{}[]=", r) }) {
		if len(word) >= 24 && strings.Contains(err.Error(), word) {
			t.Errorf("the error repeats %q: %v", word, err)
		}
	}
}

func FuzzParseTargets(f *testing.F) {
	for _, text := range []string{
		handleA, tokenA, "\ufeff" + handleA, utf16LE(handleA), "session_handle,username\n" + handleA + ",a", `{"rows":[{"session_handle":"` + handleA + `"}]}`,
		`{"tokenId":"` + tokenB + `"}`, "iPlanetDirectoryPro=" + tokenA, `"` + handleA + `"`, `{"result":[{"sessionHandle":"` + handleA + `"}]}`, "[[[", "[\"\\u0000\"]",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		handles, err := methods.ParseHandles(text)
		for _, s := range handles {
			if methods.CheckHandle(s.Handle) != nil || s.Token != "" {
				t.Errorf("%q is read as a handle", s.Handle)
			}
		}
		if err != nil && handles != nil {
			t.Errorf("%v, and yet %v", err, handles)
		}
		tokens, err := methods.ParseTokens(text)
		for _, s := range tokens {
			if methods.CheckToken(s.Token) != nil || s.Handle != "" || strings.HasPrefix(s.Token, "shandle:") {
				t.Errorf("%q is read as a token", s.Token)
			}
		}
		if err != nil && tokens != nil {
			t.Errorf("%v, and yet %v", err, tokens)
		}
	})
}
