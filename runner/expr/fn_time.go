package expr

import (
	"fmt"
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
	}
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
