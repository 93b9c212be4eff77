package expr

import (
	"math"
	"strconv"

	"github.com/mxplay/mxplay/runner/value"
)

// numberFunctions are those on numbers.
func numberFunctions() []*Function {
	num := p("number", KNumber)
	float := func(name, doc, in, out string, params []Param, f func(c *call, x float64) float64) *Function {
		return &Function{Name: name, Params: params, Result: KFloat, Doc: doc, Example: []string{in, out},
			call: func(c *call) (value.Value, error) {
				r := f(c, toFloat(c.args[0]))
				if math.IsNaN(r) || math.IsInf(r, 0) {
					return nil, c.errorf("the result is no number")
				}
				return r, nil
			}}
	}
	second := func(c *call, def float64) float64 {
		if c.has(1) {
			return toFloat(c.args[1])
		}
		return def
	}
	return []*Function{
		{Name: "abs", Params: []Param{num}, Result: KNumber, Doc: "the number without its sign.", Example: []string{`abs(-2)`, `2`, `-1.5 | abs()`, `1.5`},
			call: func(c *call) (value.Value, error) {
				if i, ok := c.args[0].(int64); ok {
					if i == math.MinInt64 {
						return nil, errAsError(errOverflow)
					}
					return max(i, -i), nil
				}
				return math.Abs(toFloat(c.args[0])), nil
			}},
		{Name: "round", Params: []Param{num, opt("digits", KInt, "0"), opt("method", KString, `"common"`)}, Result: KNumber,
			Doc:     "the number rounded to that many digits after the point; common (halves to even, as Python), floor or ceil. A float stays a float.",
			Example: []string{`round(2.567, 2)`, `2.57`, `round(42.5, 0, "ceil")`, `43.0`, `int(round(2.7))`, `3`},
			call:    callRound},
		float("log", "the logarithm, natural or to a base.", `log(8, 2)`, `3.0`, []Param{num, opt("base", KNumber, "e")}, func(c *call, x float64) float64 {
			switch b := second(c, math.E); b {
			case math.E:
				return math.Log(x)
			case 2:
				return math.Log2(x)
			case 10:
				return math.Log10(x)
			default:
				return math.Log(x) / math.Log(b)
			}
		}),
		float("pow", "the number to the power of exponent.", `pow(2, 3)`, `8.0`, []Param{num, p("exponent", KNumber)}, func(c *call, x float64) float64 { return math.Pow(x, second(c, 1)) }),
		float("root", "the square root, or that of a degree.", `root(9)`, `3.0`, []Param{num, opt("degree", KNumber, "2")}, func(c *call, x float64) float64 {
			if d := second(c, 2); d != 2 {
				r := math.Pow(x, 1/d)
				if n := math.Round(r); math.Pow(n, d) == x {
					return n // the C library's pow rounds better than Go's
				}
				return r
			}
			return math.Sqrt(x)
		}),
	}
}

func callRound(c *call) (value.Value, error) {
	digits, method := c.intOr(1, 0), c.strOr(2, "common")
	if digits < -300 || digits > 300 {
		return nil, c.errorf("digits is -300 to 300")
	}
	i, isInt := c.args[0].(int64)
	if isInt && digits >= 0 {
		return i, nil
	}
	f := toFloat(c.args[0])
	scale := math.Pow(10, float64(digits))
	switch method {
	case "common":
		if digits >= 0 {
			f, _ = strconv.ParseFloat(strconv.FormatFloat(f, 'f', int(digits), 64), 64)
		} else {
			f = math.RoundToEven(f*scale) / scale
		}
	case "floor":
		f = math.Floor(f*scale) / scale
	case "ceil":
		f = math.Ceil(f*scale) / scale
	default:
		return nil, c.errorf("%q is no method: common, floor, ceil", method)
	}
	if isInt {
		return int64(f), nil
	}
	return f, nil
}
