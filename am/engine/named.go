package engine

import (
	"maps"
	"slices"
	"strings"
)

// mostAlternatives limits how many alternatives Named returns for ANDs of ORs.
const mostAlternatives = 100

// Named returns the texts with which a condition compares columns by =, IS and IN, as written in the condition, by the
// names of the columns in lower case. There is one element for each alternative of the condition's ORs. It ignores
// conditions in NOT, and what subqueries find.
func Named(condition string) (alternatives []map[string][]string, err error) {
	var e *expr
	err = read(condition, func(s *parser) (complete bool) {
		e = s.expr()
		return s.peek().kind == atEnd
	})
	if err != nil {
		return nil, err
	}
	return named(e), nil
}

func named(e *expr) []map[string][]string {
	switch e = bare(e); e.op {
	case orExpr:
		return slices.Concat(named(e.kids[0]), named(e.kids[1]))
	case andExpr:
		left, right := named(e.kids[0]), named(e.kids[1])
		if len(left)*len(right) > mostAlternatives {
			return slices.Concat(left, right)
		}
		var both []map[string][]string
		for _, l := range left {
			for _, r := range right {
				both = append(both, merged(l, r))
			}
		}
		return both
	case equalExpr:
		return []map[string][]string{equated(e.kids)}
	}
	return []map[string][]string{{}}
}

// bare returns the expression inside parentheses, signs and COLLATE.
func bare(e *expr) *expr {
	for e.op == sameExpr {
		e = e.kids[0]
	}
	return e
}

func merged(a, b map[string][]string) map[string][]string {
	both := maps.Clone(a)
	for column, texts := range b {
		both[column] = slices.Concat(both[column], texts)
	}
	return both
}

// equated returns the texts among values that an expression requires to be equal, by the columns among these values; in
// rows, by position.
func equated(kids []*expr) map[string][]string {
	kids = slices.Clone(kids)
	for i := range kids {
		kids[i] = bare(kids[i])
	}
	names := map[string][]string{}
	if rows := rowsOf(kids); rows != nil {
		for i := range rows[0].kids {
			var column []*expr
			for _, row := range rows {
				column = append(column, row.kids[i])
			}
			names = merged(names, equated(column))
		}
		return names
	}
	var texts []string
	for _, kid := range kids {
		if kid.op == stringExpr {
			texts = append(texts, kid.text)
		}
	}
	for _, kid := range kids {
		if kid.op == columnExpr && len(texts) > 0 {
			names[strings.ToLower(kid.text)] = texts
		}
	}
	return names
}
