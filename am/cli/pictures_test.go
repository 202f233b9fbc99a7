//go:build unix

package cli

import (
	"bytes"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
	"github.com/hinshun/vt10x"

	"github.com/amsql/steampipe-plugin-am/am/internal/browsertest"
	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// pictures are the screens in the documentation. Addresses contain the simulator's port.
var pictures = []struct {
	name          string // name of the file in docs/images
	command       string
	columns, rows int
	path          string // path of AM, instead of the right one
	status        int
	use           func(*emulated) // nil if the command ends by itself
}{
	{name: "who", command: "amsql who", columns: 100, rows: 24},
	{name: "doctor", command: "amsql doctor", columns: 140, rows: 24, path: "/am", status: statusFailed},
	{name: "shell", command: "amsql query", columns: 100, rows: 30, use: func(s *emulated) {
		s.ran()
		s.send("select realm, count(*) as sessions, count(distinct username) as users", enter, "from am_session", enter, "group by realm;", enter)
		s.ran("| sessions |")
		s.send("select username, latest_access_time from am_se", tab)
		s.await("am_session_service")
		s.rests("am_se")
	}},
}

// rests waits until the cursor is behind this text, on the line for input.
func (s *emulated) rests(behind string) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		if row := s.rows()[s.cursorRow()]; strings.HasSuffix(row.text(), behind) {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the cursor is not behind %q:\n%s", behind, s.screen)
		}
	}
}

func (s *emulated) cursorRow() int {
	s.screen.Lock()
	defer s.screen.Unlock()
	return s.screen.Cursor().Y
}

// row is a line of the screen, in pieces of one colour.
type row []letters

type letters struct {
	text   string
	colour vt10x.Color
	bold   bool
}

// text returns the text of the row without trailing blanks.
func (r row) text() string {
	var b strings.Builder
	for _, run := range r {
		b.WriteString(run.text)
	}
	return strings.TrimRight(b.String(), " ")
}

func (s *emulated) rows() []row {
	s.screen.Lock()
	defer s.screen.Unlock()
	columns, rows := s.screen.Size()
	all := make([]row, rows)
	for y := range rows {
		for x := range columns {
			cell := s.screen.Cell(x, y)
			next := letters{string(cell.Char), cell.FG, cell.Mode&boldMode != 0}
			if last := len(all[y]) - 1; last >= 0 && all[y][last].colour == next.colour && all[y][last].bold == next.bold {
				all[y][last].text += next.text
			} else {
				all[y] = append(all[y], next)
			}
		}
	}
	return all
}

// boldMode is the mode bit for bold text, which vt10x does not export.
const boldMode = 1 << 2

// shown returns the command and its screen as in a picture: without the empty rows at the bottom, and without what
// differs between runs (the simulator's port and the version of this build). Its times are those of a simulator started
// at noon.
func (s *emulated) shown(command string, started time.Time) []row {
	all := append([]row{{{"$ " + command, vt10x.DefaultFG, false}}}, s.rows()...)
	for len(all) > 0 && all[len(all)-1].text() == "" {
		all = all[:len(all)-1]
	}
	for y, r := range all {
		for i := range r {
			r[i].text = simulatorPort.ReplaceAllString(r[i].text, "127.0.0.1:18080") // as long as the real address
			r[i].text = strings.Replace(r[i].text, "amsql "+version()+":", "amsql 1.0:", 1)
			r[i].text = timeShown.ReplaceAllStringFunc(r[i].text, func(text string) string {
				at, err := time.Parse(time.RFC3339, text)
				if err != nil {
					s.t.Error(err)
				}
				return noon.Truncate(time.Second).Add(at.Sub(started)).Format(time.RFC3339)
			})
		}
		all[y] = r.withoutBlanksBehind()
	}
	return all
}

func (r row) withoutBlanksBehind() row {
	for len(r) > 0 {
		last := &r[len(r)-1]
		if last.text = strings.TrimRight(last.text, " "); last.text != "" {
			break
		}
		r = r[:len(r)-1]
	}
	return r
}

var (
	simulatorPort = regexp.MustCompile(`127\.0\.0\.1:\d{5}`)
	timeShown     = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
)

// Measures of a picture, in pixels. In the widest of the monospaced fonts, the width of a letter is 0.61 of the font
// size.
const (
	fontSize    = 14
	letterWidth = 0.61 * fontSize
	lineHeight  = 18
	margin      = 16
)

// palette contains the colours that amsql uses, on a dark background.
var palette = map[vt10x.Color]string{
	vt10x.DefaultFG:   "",
	vt10x.Red:         "#e06c75",
	vt10x.Green:       "#98c379",
	vt10x.Yellow:      "#e5c07b",
	vt10x.Blue:        "#61afef",
	vt10x.Magenta:     "#c678dd",
	vt10x.Cyan:        "#56b6c2",
	vt10x.LightGrey:   "#dcdfe4",
	vt10x.LightYellow: "#e5c07b",
	vt10x.DarkGrey:    "#9da5b4",
}

// draw returns the rows as SVG. Chromium preserves blanks only if the text element itself has xml:space.
func draw(t *testing.T, rows []row) []byte {
	t.Helper()
	widest := 0
	for _, r := range rows {
		widest = max(widest, utf8.RuneCountInString(r.text()))
	}
	var b bytes.Buffer
	width, height := int(float64(widest)*letterWidth)+2*margin, len(rows)*lineHeight+2*margin
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="%[2]d" viewBox="0 0 %[1]d %[2]d">
<rect width="100%%" height="100%%" rx="8" fill="#1e222a"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="%[3]d" fill="#dcdfe4">
`, width, height, fontSize)
	for y, r := range rows {
		if r.text() != "" {
			fmt.Fprintf(&b, `<text xml:space="preserve" x="%d" y="%d">%s</text>`+"\n", margin, margin+y*lineHeight+fontSize, r.draw(t))
		}
	}
	b.WriteString("</g>\n</svg>\n")
	return b.Bytes()
}

func (r row) draw(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, run := range r {
		colour, ok := palette[run.colour]
		if !ok {
			t.Errorf("the palette has no colour %d, of %q", run.colour, run.text)
		}
		attributes := ""
		if colour != "" {
			attributes += fmt.Sprintf(` fill="%s"`, colour)
		}
		if run.bold {
			attributes += ` font-weight="bold"`
		}
		if attributes == "" || strings.TrimSpace(run.text) == "" {
			b.WriteString(html.EscapeString(run.text))
			continue
		}
		fmt.Fprintf(&b, "<tspan%s>%s</tspan>", attributes, html.EscapeString(run.text))
	}
	return b.String()
}

// A picture that no command generates would become outdated.
func TestEachPictureOfATerminalIsMadeByItsCommand(t *testing.T) {
	files, err := filepath.Glob("../../docs/images/*.svg")
	if err != nil {
		t.Fatal(err)
	}
	for i, file := range files {
		files[i] = strings.TrimSuffix(filepath.Base(file), ".svg")
	}
	var made []string
	for _, p := range pictures {
		made = append(made, p.name)
	}
	slices.Sort(made)
	if !slices.Equal(files, made) {
		t.Errorf("docs/images has %q, and the commands make %q", files, made)
	}
}

// TestThePicturesAreWhatTheTerminalShows compares the pictures of the documentation with the screens of their commands.
// With UPDATE set, it writes them.
func TestThePicturesAreWhatTheTerminalShows(t *testing.T) {
	for _, p := range pictures {
		t.Run(p.name, func(t *testing.T) {
			started := time.Now().Truncate(time.Second) // amsql compares with this machine's clock
			server := connect(t, simulator.Options{Realms: 2, Users: 12, Sessions: 24, Seed: 1, Clock: func() time.Time { return started }})
			if p.path != "" {
				t.Setenv("AM_URL", strings.TrimSuffix(os.Getenv("AM_URL"), server.ContextPath())+p.path)
			}
			t.Setenv("NO_COLOR", "")
			s := startOnTerminal(t, p.columns, p.rows, strings.Fields(p.command)[1:]...)
			if p.use != nil {
				p.use(s)
			} else if <-s.ended; s.status() != p.status {
				t.Errorf("status %d", s.cmd.ProcessState.ExitCode())
			}
			rows := s.shown(p.command, started)
			path := "../../docs/images/" + p.name + ".svg"
			rewrite(t, path, func([]byte) []byte { return draw(t, rows) })
			checkInChromium(t, path, rows)
		})
	}
}

// checkInChromium checks that each letter of the picture is in its column and inside the picture.
func checkInChromium(t *testing.T, path string, rows []row) {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx := browsertest.Chromium(t)
	if err := chromedp.Do(ctx, chromedp.Navigate("file://"+path)); err != nil {
		t.Fatal(err)
	}
	rendered, err := chromedp.Run(ctx, chromedp.Evaluate[rendering](measure))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, r := range rows {
		if r.text() != "" {
			want = append(want, r.text())
		}
	}
	if diff := cmp.Diff(want, rendered.Lines); diff != "" {
		t.Errorf("Chromium does not show what the terminal does:\n%s", diff)
	}
	if rendered.Right > rendered.Width || rendered.Bottom > rendered.Height {
		t.Errorf("the text ends at %g, %g; the picture at %g, %g", rendered.Right, rendered.Bottom, rendered.Width, rendered.Height)
	}
}

type rendering struct {
	Lines                        []string
	Right, Bottom, Width, Height float64
}

// measure returns the lines of the picture, with each letter in the column where Chromium draws it. Lost blanks and
// spread letters change the lines.
const measure = `(() => {
	const texts = [...document.querySelectorAll("text")], view = document.documentElement.viewBox.baseVal
	const letter = texts[0].getEndPositionOfChar(0).x - texts[0].getStartPositionOfChar(0).x
	const line = text => {
		const letters = []
		for (let i = 0; i < text.getNumberOfChars(); i++)
			letters[Math.round((text.getStartPositionOfChar(i).x - text.getStartPositionOfChar(0).x) / letter)] = text.textContent[i]
		return Array.from(letters, shown => shown ?? "").join("")
	}
	const boxes = texts.map(text => text.getBBox())
	return {
		lines: texts.map(line), width: view.width, height: view.height,
		right: Math.max(...boxes.map(box => box.x + box.width)), bottom: Math.max(...boxes.map(box => box.y + box.height)),
	}
})()`
