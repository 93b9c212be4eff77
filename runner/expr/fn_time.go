package expr

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/mxplay/mxplay/runner/value"
)

// timeFunctions are those on time: seconds since 1970, as ints or floats.
func timeFunctions() []*Function {
	return []*Function{
		{Name: "now", Params: []Param{opt("utc", KBool, "false"), opt("format", KString, "null")}, Result: KInt | KString, impure: true,
			Doc:     "the time in seconds since 1970, or with a format as strftime writes it.",
			Example: []string{`now() > 1700000000`, `true`, `length(now(true, "%Y-%m-%d"))`, `10`},
			call: func(c *call) (value.Value, error) {
				t := time.Now()
				if c.ev.ctx.Now != nil {
					t = c.ev.ctx.Now()
				}
				if c.boolOr(0, false) {
					t = t.UTC()
				}
				if c.has(1) {
					return c.strftime(c.str(1), t)
				}
				return t.Unix(), nil
			}},
		{Name: "strftime", Params: []Param{p("format", KString), opt("seconds", KNumber|KString|KNull, "now"), opt("utc", KBool, "false")}, Result: KString, impure: true,
			Doc:     "a time, in seconds since 1970, written by a format such as %Y-%m-%d %H:%M:%S.",
			Example: []string{`strftime("%Y-%m-%dT%H:%M:%SZ", 0, true)`, `"1970-01-01T00:00:00Z"`, `"%j %a %b" | strftime(86400, true)`, `"002 Fri Jan"`},
			call: func(c *call) (value.Value, error) {
				t := time.Now()
				if c.ev.ctx.Now != nil {
					t = c.ev.ctx.Now()
				}
				if c.has(1) {
					f, err := strconv.ParseFloat(c.str(1), 64)
					if err != nil || f > 1e12 || f < -1e12 {
						return nil, c.errorf("%s is no time in seconds", describe(c.args[1]))
					}
					t = time.UnixMicro(int64(f * 1e6))
				}
				if c.boolOr(2, false) {
					t = t.UTC()
				}
				return c.strftime(c.str(0), t)
			}},
		{Name: "to_datetime", Params: []Param{p("text", KString), opt("format", KString, `"%Y-%m-%d %H:%M:%S"`)}, Result: KInt, Doc: "the seconds since 1970 (UTC) of a time that a format reads; two of them can be subtracted.",
			Example: []string{`to_datetime("1970-01-02 00:00:01")`, `86401`, `to_datetime("2024-02-29", "%Y-%m-%d") - to_datetime("2024-02-28", "%Y-%m-%d")`, `86400`},
			call: func(c *call) (value.Value, error) {
				form := c.strOr(1, "%Y-%m-%d %H:%M:%S")
				layout, bad := goLayout(form)
				if bad != "" {
					return nil, c.errorf("%s in a format to read by is unknown", bad)
				}
				t, err := time.Parse(layout, c.str(0))
				if err != nil {
					return nil, c.errorf("%s does not fit the format %s", describe(c.args[0]), form)
				}
				return t.Unix(), nil
			}},
		{Name: "to_time_unit", Params: []Param{p("text", KText), opt("unit", KString, `"ms"`), opt("year", KNumber, "365"), opt("month", KNumber, "30")}, Result: KFloat,
			Doc:     "a length of time such as 1h 30m in units of ms, s, min, h, d, w, mo or y; year and month are their days.",
			Example: []string{`to_time_unit("1h 30m", "min")`, `90.0`, `to_time_unit("2d", "h")`, `48.0`},
			call:    func(c *call) (value.Value, error) { return c.timeUnit(c.strOr(1, "ms")) }},
		{Name: "to_seconds", Params: []Param{p("text", KText)}, Result: KFloat, Doc: "the seconds that a length of time such as 1h 30m has.", Example: []string{`to_seconds("1h 30m")`, `5400.0`},
			call: func(c *call) (value.Value, error) { return c.timeUnit("s") }},
	}
}

var timePart = regexp.MustCompile(`^(-?\d+(?:\.\d+)?)\s*([a-z]*)\s*`)

// timeUnit reads a length of time and tells it in a unit.
func (c *call) timeUnit(unit string) (value.Value, error) {
	days := func(i int, def float64) float64 {
		if c.has(i) {
			return toFloat(c.args[i])
		}
		return def
	}
	size := func(name string) float64 {
		switch name = strings.TrimSuffix(name, "s"); name {
		case "", "sec", "second":
			return 1
		case "millisecond", "msec":
			return 0.001
		case "m", "min", "minute":
			return 60
		case "h", "hour":
			return 3600
		case "d", "day":
			return 86400
		case "w", "week":
			return 7 * 86400
		case "mo", "month":
			return days(3, 30) * 86400
		case "y", "year":
			return days(2, 365) * 86400
		}
		return 0
	}
	of := func(name string) float64 {
		if name == "ms" {
			return 0.001
		}
		return size(name)
	}
	if of(unit) == 0 {
		return nil, c.errorf("%q is no unit of time: ms, s, min, h, d, w, mo, y", unit)
	}
	rest, total := strings.ToLower(strings.TrimSpace(c.str(0))), 0.0
	for rest != "" {
		m := timePart.FindStringSubmatch(rest)
		if m == nil || of(m[2]) == 0 {
			return nil, c.fail("such as 1h 30m", "%s is no length of time", describe(c.args[0]))
		}
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			return nil, c.errorf("%s is no number", m[1])
		}
		if m[2] == "" {
			total += n * of(unit)
		} else {
			total += n * of(m[2])
		}
		rest = rest[len(m[0]):]
	}
	return strconv.ParseFloat(strconv.FormatFloat(total/of(unit), 'f', 12, 64), 64)
}

var layouts = map[byte]string{
	'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'H': "15", 'I': "03", 'M': "04", 'S': "05", 'p': "PM",
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'h': "Jan", 'B': "January", 'j': "002", 'f': "000000",
	'z': "-0700", 'Z': "MST", 'F': "2006-01-02", 'T': "15:04:05", 'D': "01/02/06", 'R': "15:04", 'e': "_2",
	'c': "Mon Jan _2 15:04:05 2006", 'x': "01/02/06", 'X': "15:04:05",
}

func goLayout(form string) (layout, bad string) {
	var b strings.Builder
	for i := 0; i < len(form); i++ {
		if form[i] != '%' || i+1 == len(form) {
			b.WriteByte(form[i])
			continue
		}
		i++
		l, ok := layouts[form[i]]
		if form[i] == '%' {
			l, ok = "%", true
		}
		if !ok {
			return "", "%" + string(form[i])
		}
		if form[i] == 'f' && !strings.HasSuffix(b.String(), ".") {
			return "", "%f without a point before it"
		}
		b.WriteString(l)
	}
	return b.String(), ""
}

func (c *call) strftime(form string, t time.Time) (value.Value, error) {
	var b strings.Builder
	for i := 0; i < len(form); i++ {
		if form[i] != '%' || i+1 == len(form) {
			b.WriteByte(form[i])
			continue
		}
		i++
		switch form[i] {
		case '%':
			b.WriteByte('%')
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 's':
			b.WriteString(strconv.FormatInt(t.Unix(), 10))
		case 'f':
			fmt.Fprintf(&b, "%06d", t.Nanosecond()/1000)
		case 'u':
			fmt.Fprint(&b, (int(t.Weekday())+6)%7+1)
		case 'w':
			fmt.Fprint(&b, int(t.Weekday()))
		case 'V':
			_, w := t.ISOWeek()
			fmt.Fprintf(&b, "%02d", w)
		case 'G':
			y, _ := t.ISOWeek()
			fmt.Fprint(&b, y)
		case 'C':
			fmt.Fprintf(&b, "%02d", t.Year()/100)
		case 'U':
			fmt.Fprintf(&b, "%02d", (t.YearDay()+6-int(t.Weekday()))/7)
		case 'W':
			fmt.Fprintf(&b, "%02d", (t.YearDay()+6-(int(t.Weekday())+6)%7)/7)
		default:
			l, ok := layouts[form[i]]
			if !ok {
				return nil, c.errorf("%%%c is unknown", form[i])
			}
			b.WriteString(t.Format(l))
		}
	}
	return b.String(), nil
}
