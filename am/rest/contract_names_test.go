package rest_test

import (
	"context"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/amsql/steampipe-plugin-am/am/rest"
)

// printedFiltersFindExactlyOneUser creates users with random names of characters that naive clients do not handle,
// creates a session for each, and queries each. It omits names that the server rejects; a thousand must remain.
func printedFiltersFindExactlyOneUser(w *world) {
	names := randomNames(rand.New(rand.NewPCG(2026, 11)), 1500)
	wanted := 1000
	if os.Getenv("AMSQL_OPENAM_URL") == "" {
		wanted = 200
	}
	var mu sync.Mutex
	var refused []string
	found := 0
	inParallel(names, func(name string) {
		mu.Lock()
		enough := found >= wanted
		mu.Unlock()
		if enough {
			return
		}
		ctx := w.Context()
		if err := w.admin.CreateUser(ctx, w.realm, name, userPassword); err != nil {
			mu.Lock()
			refused = append(refused, name)
			mu.Unlock()
			return
		}
		token, err := w.admin.Login(ctx, w.realm, name, userPassword)
		if err != nil {
			mu.Lock()
			refused = append(refused, name)
			mu.Unlock()
			return
		}
		var got []string
		for s, err := range w.Sessions(ctx, rest.SessionQuery{Realm: w.realm, Username: name}) {
			if err != nil {
				w.Errorf("%q: %v", name, err)
				return
			}
			got = append(got, s.Username)
		}
		if len(got) != 1 || got[0] != strings.ToLower(name) {
			w.Errorf("the filter for %q finds sessions of %q", name, got)
		}
		if err := w.admin.Logout(context.WithoutCancel(ctx), token); err != nil {
			w.Errorf("%q: %v", name, err)
		}
		mu.Lock()
		found++
		mu.Unlock()
	})
	w.Logf("%d names found, %d not taken by the server", found, len(refused))
	if found < wanted {
		w.Errorf("%d names were tried, want %d; not taken: %q", found, wanted, refused)
	}
}

// inParallel calls do for each name, some of them concurrently.
func inParallel(names []string, do func(string)) {
	var running sync.WaitGroup
	queue := make(chan string)
	for range 8 {
		running.Go(func() {
			for name := range queue {
				do(name)
			}
		})
	}
	for _, name := range names {
		queue <- name
	}
	close(queue)
	running.Wait()
}

// pieces are the parts of random names: quotes, backslashes, and characters with a meaning in a filter, a URL or a
// directory.
var pieces = []string{
	`'`, `"`, `\`, `\\`, `\"`, `%`, `%20`, `%22`, `+`, `,`, `=`, `/`, `;`, `<`, `>`, `@`, ` `, `.`, `-`, `_`, `~`, `^`, `|`, `[`, `]`, `{`, `}`, `$`, `:`, `?`, `#`, "`",
	`" or true`, ` and `, ` eq `, `realm`, `\u0041`, `null`, `true`,
	"é", "ß", "ñ", "ø", "ж", "щ", "λ", "ω", "א", "ש", "ع", "ي", "日", "本", "語", "한", "국", "ไ", "ท", "ह", "न", "😀", "𝔘",
}

// harmful matches names that OpenAM accepts for users but then cannot handle (measured on 16.0.5). For a#b it answers
// 404, although it creates the user. It takes ou=name for a distinguished name, and its sessions for those of "name".
// After a backslash before a character that distinguished names escape, users can no longer be listed (500).
var harmful = regexp.MustCompile(`#|^[A-Za-z][A-Za-z0-9.-]*=|\\([\\",+;<>= ]|$)`)

// randomNames returns names that a directory also distinguishes: it ignores case, and treats several blanks as one.
func randomNames(random *rand.Rand, n int) []string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	names := make([]string, 0, n)
	known := map[string]bool{}
	for len(names) < n {
		var b strings.Builder
		for range 1 + random.IntN(8) {
			if random.IntN(2) == 0 {
				b.WriteString(pieces[random.IntN(len(pieces))])
			} else {
				b.WriteByte(letters[random.IntN(len(letters))])
			}
		}
		name := strings.Join(strings.Fields(b.String()), " ")
		key := strings.ToLower(name)
		if utf8.RuneCountInString(name) < 2 || known[key] || harmful.MatchString(name) {
			continue
		}
		known[key] = true
		names = append(names, name)
	}
	return names
}
