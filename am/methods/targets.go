package methods

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// A targetKind is a kind of text that identifies sessions: handles or tokens. AM answers "true" for handles that it has
// never seen, and answers that anything that is not a token is no longer valid. Other texts must therefore be refused
// before they are sent.
type targetKind struct {
	names   []string // names of columns and members
	other   []string // those of the other kind
	wrong   string   // the error if the other kind is given
	check   func(word string) error
	word    func(line string) string // returns the content of a line without quotes; nil: the line itself
	session func(word string) Session
}

var (
	handleTargets = targetKind{
		names: []string{"session_handle", "sessionHandle"}, other: []string{"tokenId", "token_id"},
		wrong: "this is a token: use --token-file",
		check: CheckHandle, session: func(word string) Session { return Session{Handle: word} },
	}
	tokenTargets = targetKind{
		names: []string{"tokenId", "token_id"}, other: []string{"session_handle", "sessionHandle"},
		wrong: isHandleMessage,
		check: CheckToken, word: cookieValue, session: func(word string) Session { return Session{Token: word} },
	}
)

const isHandleMessage = "this is a session handle: use --handle or --from"

// ParseHandles parses a text that contains handles: one handle per line, with or without quotes; CSV with a column
// session_handle; or JSON with session_handle or sessionHandle (rows of a query, or AM's own list). Anything else is an
// error that names the line. The error never contains a complete handle or token.
func ParseHandles(text []byte) ([]Session, error) { return handleTargets.parse(text) }

// ParseTokens parses tokens like [ParseHandles], with tokenId (the answer of authenticate) or token_id in JSON and CSV.
// It also accepts lines with the session cookie.
func ParseTokens(text []byte) ([]Session, error) { return tokenTargets.parse(text) }

// handlePrefix is the beginning of handles in every AM (OpenAM and Ping).
const handlePrefix = "shandle:"

// Tokens and handles consist of letters, digits and -_.* (c66), or also of @#+/= if that encoding is off.
var (
	handlePattern = regexp.MustCompile(`^` + handlePrefix + `[A-Za-z0-9\-_.*@#+/=]+$`)
	tokenPattern  = regexp.MustCompile(`^[A-Za-z0-9\-_.*@#+/=]*[*@][A-Za-z0-9\-_.*@#+/=]*$`) // * or @ ends the first part
	cookiePattern = regexp.MustCompile(`^[A-Za-z0-9\-_]+=[^=#]`)
)

// CheckHandle returns an error if a text cannot be a session handle.
func CheckHandle(text string) error {
	if !handlePattern.MatchString(text) {
		return &ArgumentError{fmt.Sprintf("expected a session handle, which begins with %s; use --token-file for tokens", handlePrefix)}
	}
	return nil
}

// CheckToken returns an error if a text cannot be a session token.
func CheckToken(text string) error {
	switch {
	case handlePattern.MatchString(text):
		return &ArgumentError{isHandleMessage}
	case !tokenPattern.MatchString(text), cookiePattern.MatchString(text):
		return &ArgumentError{"expected a session token (AQIC…*), or the line of its cookie (" + sessionCookie + "=…)"}
	}
	return nil
}

// sessionCookie is the default name of AM's session cookie.
const sessionCookie = "iPlanetDirectoryPro"

// cookieValue returns the token in a line such as Set-Cookie: iPlanetDirectoryPro=…; Path=/. Deployments rename the
// cookie, and it need not come first, so cookieValue chooses the value that can be a token.
func cookieValue(line string) string {
	cookies := line
	for _, header := range []string{"Cookie:", "Set-Cookie:"} {
		if len(line) > len(header) && strings.EqualFold(line[:len(header)], header) {
			cookies = line[len(header):]
		}
	}
	var tokens []string
	for pair := range strings.SplitSeq(cookies, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if value = strings.Trim(value, `"`); tokenPattern.MatchString(value) && !tokenPattern.MatchString(name) {
			tokens = append(tokens, value)
		}
	}
	if len(tokens) == 1 {
		return tokens[0]
	}
	return line
}

func (k targetKind) parse(text []byte) (sessions []Session, err error) {
	text, _, err = transform.Bytes(unicode.BOMOverride(unicode.UTF8.NewDecoder()), text)
	if err != nil {
		return nil, err
	}
	switch first := bytes.TrimSpace(text); {
	case len(first) == 0:
		return nil, nil
	case first[0] == '{' || first[0] == '[':
		sessions, err = k.parseJSON(text)
	default:
		if separator, ok := k.header(text); ok {
			sessions, err = k.parseCSV(text, separator)
		} else {
			sessions, err = k.parseLines(text)
		}
	}
	if err != nil {
		return nil, err
	}
	return sessions, nil
}

func atLine(line int, err error) error { return fmt.Errorf("line %d: %w", line, err) }

func (k targetKind) parseLines(text []byte) (sessions []Session, err error) {
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		word := strings.TrimSpace(line)
		if word == "" {
			continue
		}
		if len(word) > 1 && word[0] == '"' && word[len(word)-1] == '"' {
			word = word[1 : len(word)-1]
		} else if k.word != nil {
			word = k.word(word)
		}
		err := k.check(word)
		if err != nil && len(sessions) == 0 && err.Error() != k.wrong {
			err = fmt.Errorf("%w; CSV needs the column %s", err, k.names[0])
		}
		if err != nil {
			return nil, atLine(number, err)
		}
		sessions = append(sessions, k.session(word))
	}
	return sessions, nil
}

// header returns the separator with which the first line has a column of the kind.
func (k targetKind) header(text []byte) (separator rune, ok bool) {
	for _, separator := range ",;\t" {
		names, err := csvReader(text, separator).Read()
		if err == nil && slices.ContainsFunc(names, k.isName) {
			return separator, true
		}
	}
	return 0, false
}

func (k targetKind) isName(column string) bool {
	return slices.ContainsFunc(k.names, func(name string) bool { return strings.EqualFold(name, strings.TrimSpace(column)) })
}

func csvReader(text []byte, separator rune) *csv.Reader {
	reader := csv.NewReader(bytes.NewReader(text))
	reader.Comma = separator
	return reader
}

func (k targetKind) parseCSV(text []byte, separator rune) (sessions []Session, err error) {
	reader := csvReader(text, separator)
	columns := map[string]int{}
	for {
		record, err := reader.Read()
		var syntax *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return sessions, nil
		case errors.As(err, &syntax):
			return nil, atLine(syntax.Line, syntax.Err)
		case err != nil:
			return nil, err
		}
		line, _ := reader.FieldPos(0)
		if len(columns) > 0 {
			s, err := k.fromRecord(record, columns)
			if err != nil {
				return nil, atLine(line, err)
			}
			sessions = append(sessions, s)
			continue
		}
		for i, name := range record {
			name = strings.ToLower(strings.TrimSpace(name))
			if k.isName(name) {
				name = k.names[0]
			}
			if _, twice := columns[name]; twice && (name == k.names[0] || name == "username" || name == "realm") {
				return nil, atLine(line, fmt.Errorf("%s occurs twice", name))
			}
			columns[name] = i
		}
	}
}

func (k targetKind) fromRecord(record []string, columns map[string]int) (Session, error) {
	word := strings.TrimSpace(record[columns[k.names[0]]])
	if word == "" {
		return Session{}, fmt.Errorf("%s is empty", k.names[0])
	}
	if err := k.check(word); err != nil {
		return Session{}, err
	}
	s := k.session(word)
	if i, ok := columns["username"]; ok {
		s.Username = record[i]
	}
	if i, ok := columns["realm"]; ok {
		s.Realm = record[i]
	}
	return s, nil
}

// parseJSON parses one document, or several in sequence.
func (k targetKind) parseJSON(text []byte) (sessions []Session, err error) {
	return sessions, documents(text, func(document json.RawMessage, line int) error {
		sessions, err = k.appendJSON(sessions, document, line)
		return err
	})
}

// documents calls do for each JSON value of a text, with the number of its first line.
func documents(text []byte, do func(document json.RawMessage, line int) error) error {
	lineAt := func(offset int) int { return 1 + bytes.Count(text[:min(offset, len(text))], []byte("\n")) }
	decoder := json.NewDecoder(bytes.NewReader(text))
	for {
		var document json.RawMessage
		err := decoder.Decode(&document)
		var syntax *json.SyntaxError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &syntax):
			return atLine(lineAt(int(syntax.Offset)-1), err)
		case err != nil:
			return atLine(lineAt(len(bytes.TrimRight(text, "\n"))+1), err)
		}
		if err := do(document, lineAt(int(decoder.InputOffset())-len(document))); err != nil {
			return err
		}
	}
}

func (k targetKind) appendJSON(sessions []Session, document json.RawMessage, line int) ([]Session, error) {
	switch document[0] {
	case '[':
		return k.appendRows(sessions, document, line)
	case '"':
		var word string
		if err := json.Unmarshal(document, &word); err != nil {
			return nil, atLine(line, err)
		}
		if err := k.check(word); err != nil {
			return nil, atLine(line, err)
		}
		return append(sessions, k.session(word)), nil
	case '{':
	default:
		return nil, atLine(line, errors.New("expected a row or a session handle"))
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(document, &members); err != nil {
		return nil, atLine(line, err)
	}
	for _, name := range []string{"rows", "result"} {
		switch rows, ok := members[name]; {
		case ok && string(rows) == "null":
			return sessions, nil
		case ok && rows[0] != '[':
			return nil, atLine(line, fmt.Errorf("%s: expected an array of rows", name))
		case ok:
			return k.appendRows(sessions, rows, line+bytes.Count(document[:bytes.Index(document, rows)], []byte("\n")))
		}
	}
	s, err := k.fromMembers(members)
	if err != nil {
		return nil, atLine(line, err)
	}
	return append(sessions, s), nil
}

// appendRows parses the elements of an array that begins in this line.
func (k targetKind) appendRows(sessions []Session, array json.RawMessage, line int) ([]Session, error) {
	decoder := json.NewDecoder(bytes.NewReader(array))
	if _, err := decoder.Token(); err != nil {
		return nil, atLine(line, err)
	}
	for decoder.More() {
		var row json.RawMessage
		if err := decoder.Decode(&row); err != nil {
			return nil, atLine(line, err)
		}
		start := int(decoder.InputOffset()) - len(row)
		var err error
		if sessions, err = k.appendJSON(sessions, row, line+bytes.Count(array[:start], []byte("\n"))); err != nil {
			return nil, err
		}
	}
	return sessions, nil
}

func (k targetKind) fromMembers(members map[string]json.RawMessage) (Session, error) {
	name := k.nameIn(members)
	if name == "" {
		for _, other := range k.other {
			if _, ok := members[other]; ok {
				return Session{}, errors.New(k.wrong)
			}
		}
		return Session{}, fmt.Errorf("column %s is missing: select it in the query", k.names[0])
	}
	var word, username, realm string
	for member, target := range map[string]*string{name: &word, "username": &username, "realm": &realm} {
		if value, ok := members[member]; ok {
			if err := json.Unmarshal(value, target); err != nil {
				return Session{}, fmt.Errorf("%s: %w", member, err)
			}
		}
	}
	switch {
	case string(members[name]) == "null":
		return Session{}, fmt.Errorf("%s is null", name)
	case word == "":
		return Session{}, fmt.Errorf("%s is empty", name)
	}
	if err := k.check(word); err != nil {
		return Session{}, err
	}
	s := k.session(word)
	if s.Handle != "" {
		s.Username, s.Realm = username, realm
	}
	return s, nil
}

func (k targetKind) nameIn(members map[string]json.RawMessage) string {
	for _, name := range k.names {
		if _, ok := members[name]; ok {
			return name
		}
	}
	return ""
}
