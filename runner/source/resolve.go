package source

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/runner/value"
)

// PyYAML's patterns for the numbers of YAML 1.1. Base 60 and dates are left
// out on purpose: they stay text.
var (
	intForm   = regexp.MustCompile(`^[-+]?(?:0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)$`)
	floatForm = regexp.MustCompile(`^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?)$`)
)

// resolve is what a plain scalar means. The second result is false for a whole
// number that does not fit.
func resolve(s string) (value.Value, bool) {
	if s == "" {
		return nil, true
	}
	switch c := s[0]; {
	case c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.':
		return resolveNumber(s)
	case strings.IndexByte("~nNtTfFyYoO", c) < 0 || len(s) > 5:
		return s, true
	}
	switch s {
	case "~", "null", "Null", "NULL":
		return nil, true
	case "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		return true, true
	case "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		return false, true
	}
	return s, true
}

func resolveNumber(s string) (value.Value, bool) {
	switch s {
	case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF":
		return math.Inf(1), true
	case "-.inf", "-.Inf", "-.INF":
		return math.Inf(-1), true
	case ".nan", ".NaN", ".NAN":
		return math.NaN(), true
	}
	if intForm.MatchString(s) {
		return resolveInt(s)
	}
	if floatForm.MatchString(s) {
		f, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
		if err != nil && !math.IsInf(f, 0) {
			return s, true
		}
		return f, true
	}
	return s, true
}

func resolveInt(s string) (value.Value, bool) {
	t := strings.ReplaceAll(s, "_", "")
	sign := ""
	if t[0] == '-' || t[0] == '+' {
		sign, t = t[:1], t[1:]
	}
	base := 10
	switch {
	case strings.HasPrefix(t, "0b"):
		base, t = 2, t[2:]
	case strings.HasPrefix(t, "0x"):
		base, t = 16, t[2:]
	case len(t) > 1 && t[0] == '0':
		base, t = 8, t[1:]
	}
	if t == "" {
		return s, true
	}
	i, err := strconv.ParseInt(sign+t, base, 64)
	return i, err == nil
}
