package expr

import (
	"regexp"
	"strings"

	"github.com/mxplay/mxplay/runner/value"
)

func callVersion(c *call) (value.Value, error) {
	a, b := c.str(0), c.str(1)
	if a == "" || b == "" {
		return nil, c.errorf("an empty text is no version")
	}
	kind := c.strOr(4, "loose")
	if c.boolOr(3, false) {
		if c.has(4) {
			return nil, c.errorf("either strict or a type, not both")
		}
		kind = "strict"
	}
	compare, ok := versionTypes[kind]
	if !ok {
		return nil, c.errorf("%q is no type: loose, strict, semver, semantic, pep440", kind)
	}
	o, bad := compare(a, b)
	if bad != "" {
		return nil, c.errorf("%q is no version of the type %s", bad, kind)
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

// versionTypes compare two versions; bad is what is none.
var versionTypes = map[string]func(a, b string) (o int, bad string){
	"loose":  func(a, b string) (int, string) { return compareLoose(versionParts(a), versionParts(b)), "" },
	"strict": compareStrict,
	"semver": compareSemver, "semantic": compareSemver,
	"pep440": comparePEP440,
}

var versionPart = regexp.MustCompile(`\d+|[a-zA-Z]+`)

func versionParts(s string) []string { return versionPart.FindAllString(s, -1) }

// compareLoose compares part by part: numbers by value, words by their letters,
// a word before a number.
func compareLoose(a, b []string) int {
	for i := range min(len(a), len(b)) {
		if o := comparePart(a[i], b[i], -1); o != 0 {
			return o
		}
	}
	return cmp3(len(a), len(b))
}

// comparePart compares numbers by value and words by their letters; word is how
// a word stands to a number.
func comparePart(a, b string, word int) int {
	na, nb := isNumber(a), isNumber(b)
	switch {
	case na && nb:
		a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
		if len(a) != len(b) {
			return cmp3(len(a), len(b))
		}
		return strings.Compare(a, b)
	case na:
		return -word
	case nb:
		return word
	}
	return strings.Compare(a, b)
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

var strictVersion = regexp.MustCompile(`^(\d+)\.(\d+)(?:\.(\d+))?(?:([ab])(\d+))?$`)

func compareStrict(a, b string) (int, string) {
	m, n := strictVersion.FindStringSubmatch(a), strictVersion.FindStringSubmatch(b)
	if m == nil {
		return 0, a
	}
	if n == nil {
		return 0, b
	}
	for i := 1; i <= 3; i++ {
		if o := comparePart("0"+m[i], "0"+n[i], 0); o != 0 {
			return o, ""
		}
	}
	switch {
	case m[4] == n[4]:
		return comparePart("0"+m[5], "0"+n[5], 0), ""
	case m[4] == "":
		return 1, ""
	case n[4] == "":
		return -1, ""
	}
	return strings.Compare(m[4], n[4]), ""
}

var semver = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$`)

func compareSemver(a, b string) (int, string) {
	m, n := semver.FindStringSubmatch(a), semver.FindStringSubmatch(b)
	if m == nil {
		return 0, a
	}
	if n == nil {
		return 0, b
	}
	for i := 1; i <= 3; i++ {
		if o := comparePart(m[i], n[i], 0); o != 0 {
			return o, ""
		}
	}
	switch {
	case m[4] == n[4]:
		return 0, ""
	case m[4] == "":
		return 1, ""
	case n[4] == "":
		return -1, ""
	}
	x, y := strings.Split(m[4], "."), strings.Split(n[4], ".")
	for i := range min(len(x), len(y)) {
		if o := comparePart(x[i], y[i], 1); o != 0 {
			return o, ""
		}
	}
	return cmp3(len(x), len(y)), ""
}

var pep440 = regexp.MustCompile(`^v?(?:(\d+)!)?(\d+(?:\.\d+)*)(?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?(\d*))?(?:-(\d+)|[-_.]?(post|rev|r)[-_.]?(\d*))?(?:[-_.]?(dev)[-_.]?(\d*))?(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?$`)

// comparePEP440 compares versions as Python's packages have them.
func comparePEP440(a, b string) (int, string) {
	x, y := pep440Key(a), pep440Key(b)
	if x == nil {
		return 0, a
	}
	if y == nil {
		return 0, b
	}
	for i := range min(len(x), len(y)) {
		if o := comparePart(x[i], y[i], -1); o != 0 {
			return o, ""
		}
	}
	return cmp3(len(x), len(y)), ""
}

// pep440Key is a list of numbers and words that compares part by part.
func pep440Key(s string) []string {
	m := pep440.FindStringSubmatch(strings.ToLower(strings.TrimSpace(s)))
	if m == nil {
		return nil
	}
	release := strings.Split(m[2], ".")
	for len(release) > 1 && strings.Trim(release[len(release)-1], "0") == "" {
		release = release[:len(release)-1]
	}
	key := []string{"0" + m[1]}
	for i := range 20 { // of one length, so that what follows stands at one place
		if i < len(release) {
			key = append(key, release[i])
		} else {
			key = append(key, "0")
		}
	}
	pre := map[string]string{"alpha": "a", "a": "a", "beta": "b", "b": "b", "c": "rc", "rc": "rc", "pre": "rc", "preview": "rc"}[m[3]]
	post := m[5] != "" || m[6] != ""
	switch {
	case pre != "":
		key = append(key, pre, "0"+m[4])
	case !post && m[8] != "":
		key = append(key, "A", "0") // a development version of the release comes before all
	default:
		key = append(key, "1", "0")
	}
	if post {
		key = append(key, "1", "0"+m[5]+m[7])
	} else {
		key = append(key, "0", "0")
	}
	if m[8] != "" {
		key = append(key, "0", "0"+m[9])
	} else {
		key = append(key, "1", "0")
	}
	if m[10] != "" {
		key = append(key, strings.FieldsFunc(m[10], func(r rune) bool { return strings.ContainsRune("-_.", r) })...)
	}
	return key
}
