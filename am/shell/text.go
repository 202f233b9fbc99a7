package shell

import "strings"

// foreignWords maps commands of other shells (psql, mysql, sqlite3) to ours.
var foreignWords = map[string]string{
	"help": ".help", `\?`: ".help", `\h`: ".help",
	"exit": ".exit", "quit": ".exit", `\q`: ".exit", ".quit": ".exit",
	`\d`: ".inspect", `\dt`: ".tables", `\l`: ".connections", `\c`: ".use", `\x`: ".expanded",
	`\i`: ".read", `\timing`: ".timing", `\watch`: ".watch", `\!`: ".shell", `\e`: ".edit",
}

// toggle is the argument that stands for none after psql's \x and \timing, which then toggle the setting.
const toggle = "toggle"

// asCommand returns a line as a dot command, if it is one or a command of another shell; "" for SQL.
func asCommand(line string) string {
	line = strings.TrimSpace(line)
	word, argument, _ := strings.Cut(line, " ")
	word = strings.TrimSuffix(word, ";")
	command, foreign := foreignWords[strings.ToLower(word)]
	switch {
	case foreign && word == `\d` && strings.TrimSpace(argument) == "":
		return ".tables"
	case foreign && (word == `\x` || word == `\timing`) && strings.TrimSpace(argument) == "":
		return command + " " + toggle
	case foreign && (word[0] == '\\' || strings.TrimSpace(argument) == ""):
		return strings.TrimSpace(command + " " + strings.TrimSuffix(argument, ";"))
	case strings.HasPrefix(line, "."):
		return line
	}
	return ""
}

// isWhole reports whether the text can be run: a dot command, or SQL up to its semicolon.
func isWhole(text string) bool { return asCommand(text) != "" || isEnded(text) }

// isEnded reports whether every statement of the SQL has its semicolon.
func isEnded(sql string) bool {
	ended := true
	for sql != "" {
		token := len(sqlToken(sql))
		switch {
		case sql[0] == ';':
			ended = true
		case strings.HasPrefix(sql, "--"), strings.ContainsRune(" \t\r\n", rune(sql[0])):
		case strings.HasPrefix(sql, "/*"):
			ended = ended && strings.HasSuffix(sql[:token], "*/")
		default:
			ended = false
		}
		sql = sql[token:]
	}
	return ended
}

// sqlToken returns the first token of the SQL, as far as needed to find semicolons: a comment, a quoted text, or a
// single byte. A token without an end extends to the end of the text.
func sqlToken(sql string) string {
	end := ""
	switch {
	case strings.HasPrefix(sql, "--"):
		end = "\n"
	case strings.HasPrefix(sql, "/*"):
		end = "*/"
	case sql[0] == '[':
		end = "]"
	case strings.IndexByte("'\"`", sql[0]) >= 0:
		end = sql[:1] // a doubled quote makes two adjacent tokens
	default:
		return sql[:1]
	}
	begin := min(len(end), len(sql))
	if end == "\n" || end == "*/" {
		begin = 2
	}
	if i := strings.Index(sql[begin:], end); i >= 0 {
		return sql[:begin+i+len(end)]
	}
	return sql
}

// openQuote returns where an unfinished text in single quotes begins at the end of the SQL, or false if there is none.
func openQuote(sql string) (int, bool) {
	for at := 0; at < len(sql); {
		token := sqlToken(sql[at:])
		if token[0] == '\'' && (len(token) == 1 || !strings.HasSuffix(token, "'")) {
			return at + 1, true
		}
		at += len(token)
	}
	return 0, false
}

// parts divides a text into dot commands, one per line, and the SQL between them. A line in the middle of a statement
// is not a dot command.
func parts(text string) (parts []string) {
	sql := ""
	flush := func() {
		if strings.TrimSpace(sql) != "" {
			parts = append(parts, sql)
		}
		sql = ""
	}
	statement := "" // lines since the last complete statement
	for line := range strings.Lines(text) {
		if command := asCommand(line); command != "" && statement == "" {
			flush()
			parts = append(parts, command)
			continue
		}
		sql += line
		if statement += line; isEnded(statement) {
			statement = ""
		}
	}
	flush()
	return parts
}
