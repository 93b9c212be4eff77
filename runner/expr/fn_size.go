package expr

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/runner/value"
)

var sizeUnits = []struct {
	letter string
	size   float64
}{{"Y", 1 << 80}, {"Z", 1 << 70}, {"E", 1 << 60}, {"P", 1 << 50}, {"T", 1 << 40}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"B", 1}}

func callHumanReadable(c *call) (value.Value, error) {
	f, err := strconv.ParseFloat(strings.TrimSpace(c.str(0)), 64)
	if err != nil {
		return nil, c.errorf("%s is no number", describe(c.args[0]))
	}
	base, suffix := "Bytes", "B"
	if c.boolOr(1, false) {
		base, suffix = "bits", "b"
	}
	unit := strings.ToUpper(c.strOr(2, ""))
	for _, u := range sizeUnits {
		if unit == "" && f >= u.size || unit != "" && u.letter == unit[:1] || u.letter == "B" {
			name := u.letter + suffix
			if u.letter == "B" {
				name = base
			}
			return strconv.FormatFloat(f/u.size, 'f', 2, 64) + " " + name, nil
		}
	}
	return nil, nil
}

var sizeText = regexp.MustCompile(`^\s*([0-9]*\.?[0-9]+)\s*([A-Za-z]*)\s*$`)

func callHumanToBytes(c *call) (value.Value, error) {
	m := sizeText.FindStringSubmatch(c.str(0))
	if m == nil {
		return nil, c.errorf("%s is no size such as 10M", describe(c.args[0]))
	}
	f, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return nil, c.errorf("%s is no number", m[1])
	}
	unit := m[2]
	if unit == "" {
		unit = c.strOr(1, "B")
	}
	i := slices.IndexFunc(sizeUnits, func(u struct {
		letter string
		size   float64
	}) bool {
		return strings.EqualFold(u.letter, unit[:1])
	})
	rest := strings.ToLower(unit[1:])
	if i < 0 || rest != "" && rest != "b" && rest != "ib" && !(strings.EqualFold(unit, "bytes")) {
		return nil, c.errorf("%s is no unit: B, K, M, G, T, P, E, with or without B", unit)
	}
	f *= sizeUnits[i].size
	if f >= 1<<63 {
		return nil, c.errorf("the result does not fit into 64 bits")
	}
	return int64(f + 0.5), nil
}

var versionPart = regexp.MustCompile(`\d+|[a-zA-Z]+`)

func callVersion(c *call) (value.Value, error) {
	a, b := c.str(0), c.str(1)
	var o int
	if t := c.strOr(4, "loose"); t == "semver" || t == "semantic" {
		o = compareSemver(a, b)
	} else {
		o = compareLoose(versionPart.FindAllString(a, -1), versionPart.FindAllString(b, -1))
	}
	switch op := c.strOr(2, "=="); op {
	case "==", "=", "eq":
		return o == 0, nil
	case "!=", "<>", "ne":
		return o != 0, nil
	case "<", "lt":
		return o < 0, nil
	case "<=", "le":
		return o <= 0, nil
	case ">", "gt":
		return o > 0, nil
	case ">=", "ge":
		return o >= 0, nil
	default:
		return nil, c.errorf("%q is no operator: ==, !=, <, <=, >, >=", op)
	}
}

// compareLoose compares part by part: numbers by value, words by their letters,
// a word before a number.
func compareLoose(a, b []string) int {
	for i := range min(len(a), len(b)) {
		x, errX := strconv.ParseInt(a[i], 10, 64)
		y, errY := strconv.ParseInt(b[i], 10, 64)
		var o int
		switch {
		case errX == nil && errY == nil:
			o = cmp3(x, y)
		case errX == nil:
			o = 1
		case errY == nil:
			o = -1
		default:
			o = strings.Compare(a[i], b[i])
		}
		if o != 0 {
			return o
		}
	}
	return cmp3(len(a), len(b))
}

func compareSemver(a, b string) int {
	cutBuild := func(s string) (core, pre string) {
		s, _, _ = strings.Cut(strings.TrimPrefix(s, "v"), "+")
		core, pre, _ = strings.Cut(s, "-")
		return
	}
	ac, ap := cutBuild(a)
	bc, bp := cutBuild(b)
	if o := compareLoose(strings.Split(ac, "."), strings.Split(bc, ".")); o != 0 {
		return o
	}
	switch {
	case ap == bp:
		return 0
	case ap == "":
		return 1
	case bp == "":
		return -1
	}
	x, y := strings.Split(ap, "."), strings.Split(bp, ".")
	for i := range min(len(x), len(y)) {
		m, errM := strconv.Atoi(x[i])
		n, errN := strconv.Atoi(y[i])
		var o int
		switch {
		case errM == nil && errN == nil:
			o = cmp3(m, n)
		case errM == nil:
			o = -1
		case errN == nil:
			o = 1
		default:
			o = strings.Compare(x[i], y[i])
		}
		if o != 0 {
			return o
		}
	}
	return cmp3(len(x), len(y))
}
