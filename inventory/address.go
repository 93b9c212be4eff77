package inventory

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

const (
	numericRange = `\[[0-9]+:[0-9]+(?::[0-9]+)?\]`
	hexRange     = `\[[0-9a-f]+:[0-9a-f]+(?::[0-9]+)?\]`
	alphaRange   = `\[(?:[a-z]:[a-z]|[0-9]+:[0-9]+)(?::[0-9]+)?\]`
	ipv4Part     = `(?:[01]?[0-9]{1,2}|2[0-4][0-9]|25[0-5]|` + numericRange + `)`
	ipv6Part     = `(?:[0-9a-f]{1,4}|` + hexRange + `)`
)

var (
	bracketPort = regexp.MustCompile(`^\[(.+)\]:([0-9]+)$`)
	hostPort    = regexp.MustCompile(`^((?:[^:\[\]]|\[[^\]]*\])*):([0-9]+)$`)
	ipv4        = regexp.MustCompile(`(?i)^(?:` + ipv4Part + `\.){3}` + ipv4Part + `$`)
	ipv6        = regexp.MustCompile(strings.ReplaceAll(`(?i)^(?:(?:P:){7}P|(?:P:){1,6}:|P:(?::P){1,6}|(?:P:){2}(?::P){1,5}|(?:P:){3}(?::P){1,4}|`+
		`(?:P:){4}(?::P){1,3}|(?:P:){5}(?::P){1,2}|(?:P:){6}:P|:(?::P){1,6}|P?::|(?:0:){6}(?:P\.){3}P|::(?:ffff:)?(?:P\.){3}P|(?:0:){5}ffff:(?:P\.){3}P)$`, "P", ipv6Part))
	label = regexp.MustCompile(`(?i)^(?:[\p{L}\p{N}_]|` + alphaRange + `)(?:[\p{L}\p{N}_-]|` + alphaRange + `)*$`)
)

// parseAddress splits "host:2222" and "[fe80::1]:2200". It is false for what is
// neither a host's name nor an address, each with ranges in brackets allowed.
func parseAddress(s string) (host string, port int64, ok bool) {
	host = s
	for _, form := range []*regexp.Regexp{bracketPort, hostPort} {
		if m := form.FindStringSubmatch(host); m != nil {
			n, err := strconv.ParseInt(m[2], 10, 64)
			if err != nil {
				return s, 0, false
			}
			host, port = m[1], n
		}
	}
	if ipv4.MatchString(host) || ipv6.MatchString(host) || hostname(host) {
		return host, port, true
	}
	return s, 0, false
}

// hostname tells whether each label, between the dots, begins with a letter
// and ends with none of "_" and "-".
func hostname(s string) bool {
	for l := range strings.SplitSeq(s, ".") {
		if !label.MatchString(l) || strings.HasSuffix(l, "-") || strings.HasSuffix(l, "_") {
			return false
		}
	}
	return true
}

// expandHost is the hosts that a name with ranges stands for, and their port.
func expandHost(s string) (names []string, port int64, err error) {
	host, port, ok := parseAddress(s)
	switch {
	case s == "":
		return nil, 0, fmt.Errorf("the name of the host is empty")
	case s == "---":
		return nil, 0, fmt.Errorf("--- begins a YAML document, but this file is read as INI")
	case strings.HasSuffix(strings.TrimSpace(s), ":") && port == 0 && !(ok && ipv6.MatchString(host)):
		return nil, 0, fmt.Errorf("the port is missing after the colon of %q", s)
	case ok && port > 65535:
		return nil, 0, fmt.Errorf("%d is no port", port)
	}
	names, err = expandRange(host, 0)
	return names, port, err
}

const (
	maxHosts = 1_000_000 // that one line may stand for
	letters  = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// expandRange expands the first range of a name and then those behind it.
func expandRange(s string, have int) ([]string, error) {
	head, rest, ok := strings.Cut(s, "[")
	if !ok {
		return []string{s}, nil
	}
	inner, tail, ok := strings.Cut(rest, "]")
	if !ok {
		return nil, fmt.Errorf("the [ in %q is not closed", s)
	}
	seq, err := rangeOf(inner)
	if err != nil {
		return nil, err
	}
	tails, err := expandRange(tail, have)
	if err != nil {
		return nil, err
	}
	if len(seq)*len(tails) > maxHosts {
		return nil, fmt.Errorf("%q stands for more than %d hosts", s, maxHosts)
	}
	out := make([]string, 0, len(seq)*len(tails))
	for _, v := range seq {
		for _, t := range tails {
			out = append(out, head+v+t)
		}
	}
	return out, nil
}

// rangeOf is what stands between the brackets: 1:3, 01:10, a:c, each with a step.
func rangeOf(s string) ([]string, error) {
	part := strings.Split(s, ":")
	if len(part) != 2 && len(part) != 3 {
		return nil, fmt.Errorf("a range is [begin:end] or [begin:end:step], not [%s]", s)
	}
	begin, end, step := part[0], part[1], 1
	if len(part) == 3 {
		n, err := parseInt(part[2])
		if err != nil || n < 1 {
			return nil, fmt.Errorf("the step of the range [%s] must be a number above 0", s)
		}
		step = n
	}
	if begin == "" {
		begin = "0"
	}
	if end == "" {
		return nil, fmt.Errorf("the range [%s] has no end", s)
	}
	if len(begin) == 1 && len(end) == 1 && strings.Contains(letters, begin) && strings.Contains(letters, end) {
		return letterRange(s, begin, end, step)
	}
	b, err1 := parseInt(begin)
	e, err2 := parseInt(end)
	if err1 != nil || err2 != nil || b < 0 {
		return nil, fmt.Errorf("a range goes from number to number or from letter to letter, not [%s]", s)
	}
	width := 0
	if len(begin) > 1 && begin[0] == '0' {
		if width = len(begin); width != len(end) {
			return nil, fmt.Errorf("the numbers of the range [%s] must have as many digits, since the first has zeros before it", s)
		}
	}
	if b > e {
		return nil, fmt.Errorf("the range [%s] begins behind its end", s)
	}
	if (e-b)/step >= maxHosts {
		return nil, fmt.Errorf("the range [%s] stands for more than %d hosts", s, maxHosts)
	}
	var out []string
	for i := b; i <= e; i += step {
		out = append(out, fmt.Sprintf("%0*d", width, i))
	}
	return out, nil
}

func letterRange(s, begin, end string, step int) ([]string, error) {
	b, e := strings.Index(letters, begin), strings.Index(letters, end)
	if b > e {
		return nil, fmt.Errorf("the range [%s] begins behind its end", s)
	}
	var out []string
	for i := b; i <= e; i += step {
		out = append(out, letters[i:i+1])
	}
	return out, nil
}

func parseInt(s string) (int, error) {
	return strconv.Atoi(strings.TrimSpace(s))
}
