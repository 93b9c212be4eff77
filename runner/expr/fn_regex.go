package expr

import (
	"regexp"

	"github.com/mxplay/mxplay/runner/value"
)

// regex is a compiled regular expression.
type regex struct{ *regexp.Regexp }

func compileRegex(s string) (*regex, *perr) {
	re, err := regexp.Compile(s)
	if err != nil {
		return nil, &perr{msg: err.Error()}
	}
	return &regex{re}, nil
}

var _ value.Value
