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
	if bits := c.boolOr(2, false); rest == "b" && bits != (unit[1] == 'b') && bits {
		return nil, c.fail("write a small b", "%s is a unit of bytes", unit)
	}
	f *= sizeUnits[i].size
	if f >= 1<<63 {
		return nil, c.errorf("the result does not fit into 64 bits")
	}
	return int64(f + 0.5), nil
}
