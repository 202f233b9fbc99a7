package render

import (
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/amsql/steampipe-plugin-am/am/report"
)

// A chart is a drawing of a result's first two columns as bars, 480 wide.
type chart struct {
	Title  string
	Height int
	Bars   []bar
}

type bar struct {
	X, Y, Width, Height float64
	Label, Value        string
	LabelX, LabelY      float64
	ValueX, ValueY      float64
	Anchor, ValueAnchor string
}

const (
	chartWidth = 480
	mostBars   = 20
	labelWidth = 150 // width of the names of bars
	rowHeight  = 20
	tallest    = 130 // height of columns
)

// draw returns the chart of a result; ok is false if it has none.
func draw(r *report.Result) (c chart, ok bool) {
	if r.Chart == "" || len(r.Rows) == 0 {
		return c, false
	}
	rows := r.Rows[:min(len(r.Rows), mostBars)]
	c.Title = r.Title
	var numbers []float64
	highest := 1.0
	labels := map[string]int{}
	for _, row := range rows {
		labels[shown(row[r.Columns[0].Name])]++
		n := barLength(row[r.Columns[1].Name])
		numbers, highest = append(numbers, n), max(highest, n)
	}
	for i, row := range rows {
		share := max(0, numbers[i]/highest)
		label := shown(row[r.Columns[0].Name])
		if realm, ok := row["realm"].(string); ok && labels[label] > 1 {
			label += " " + realm
		}
		b := bar{Label: shorten(label, 22), Value: shown(row[r.Columns[1].Name])}
		if r.Chart == "bars" {
			y := float64(i * rowHeight)
			b.X, b.Y, b.Width, b.Height = labelWidth, y+3, round(share*(chartWidth-labelWidth-50)), rowHeight-6
			b.LabelX, b.LabelY, b.Anchor = labelWidth-6, y+14, "end"
			b.ValueX, b.ValueY, b.ValueAnchor = b.X+b.Width+5, y+14, "start"
			c.Height = (i + 1) * rowHeight
		} else {
			step := float64(chartWidth) / float64(len(rows))
			b.Width, b.Height = round(step*0.7), round(share*tallest)
			b.X, b.Y = round(step*float64(i)+step*0.15), round(16+tallest-b.Height)
			b.LabelX, b.LabelY, b.Anchor = round(step*(float64(i)+0.5)), tallest+32, "middle"
			b.ValueX, b.ValueY, b.ValueAnchor = b.LabelX, b.Y-4, "middle"
			c.Height = tallest + 40
		}
		c.Bars = append(c.Bars, b)
	}
	return c, true
}

func barLength(value any) float64 {
	switch v := value.(type) {
	case int64:
		return float64(v)
	case float64:
		return v
	}
	return 0
}

func round(f float64) float64 { return math.Round(f*10) / 10 }

func shorten(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return fmt.Sprintf("%s…", string([]rune(text)[:most-1]))
}
