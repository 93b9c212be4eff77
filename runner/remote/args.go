package remote

import (
	"fmt"
	"slices"
	"strings"
)

// option is one line of an ssh configuration: a keyword in lower case and the rest of its line.
type option struct{ key, value string }

// arguments are what a person would give to ssh before the host's name. The
// first value given for a keyword counts, as everywhere in ssh.
type arguments struct {
	options []option
	file    string // -F
}

// withArg are ssh's options that take an argument and do not matter here.
const withArg = "BbcDEeILmOPQRSWw"

// flags are ssh's options without an argument that change nothing here.
const flags = "46AaCfGgKkMNnqsTtVvXxYy"

// parseArguments reads ansible_ssh_common_args and its like.
func parseArguments(s string) (arguments, error) {
	words, err := splitWords(s)
	if err != nil {
		return arguments{}, fmt.Errorf("ssh arguments %q: %w", s, err)
	}
	var a arguments
	for len(words) > 0 {
		w := words[0]
		words = words[1:]
		if len(w) < 2 || w[0] != '-' {
			return a, fmt.Errorf("ssh arguments %q: %q is not an option", s, w)
		}
		for w = w[1:]; w != ""; {
			c := w[0]
			w = w[1:]
			if strings.IndexByte(flags, c) >= 0 {
				switch c {
				case '4':
					a.add("addressfamily", "inet")
				case '6':
					a.add("addressfamily", "inet6")
				}
				continue
			}
			if strings.IndexByte("oJiplF"+withArg, c) < 0 {
				return a, fmt.Errorf("ssh arguments %q: -%c is no option of ssh", s, c)
			}
			v := w
			w = ""
			if v == "" {
				if len(words) == 0 {
					return a, fmt.Errorf("ssh arguments %q: -%c needs a value", s, c)
				}
				v, words = words[0], words[1:]
			}
			if err := a.take(c, v); err != nil {
				return a, fmt.Errorf("ssh arguments %q: %w", s, err)
			}
		}
	}
	return a, nil
}

func (a *arguments) take(c byte, v string) error {
	if v = strings.TrimSpace(v); v == "" {
		return fmt.Errorf("-%c needs a value", c)
	}
	switch c {
	case 'o':
		key, value, ok := cutOption(v)
		if !ok {
			return fmt.Errorf("-o %q: write Keyword=value", v)
		}
		a.add(key, value)
	case 'J':
		a.add("proxyjump", v)
	case 'i':
		a.add("identityfile", v)
	case 'p':
		a.add("port", v)
	case 'l':
		a.add("user", v)
	case 'F':
		a.file = v
	}
	return nil
}

func (a *arguments) add(key, value string) {
	a.options = append(a.options, option{strings.ToLower(key), value})
}

// argv are the same arguments for the ssh program.
func (a arguments) argv() []string {
	var out []string
	if a.file != "" {
		out = append(out, "-F", a.file)
	}
	for _, o := range a.options {
		out = append(out, "-o", o.key+"="+o.value)
	}
	return out
}

func (a arguments) has(key string) bool {
	return slices.ContainsFunc(a.options, func(o option) bool { return o.key == key })
}

// cutOption splits "Keyword=value" and "Keyword value".
func cutOption(s string) (key, value string, ok bool) {
	s = strings.TrimSpace(s)
	i := strings.IndexAny(s, "= \t")
	if i <= 0 {
		return "", "", false
	}
	key = strings.ToLower(s[:i])
	value = strings.TrimLeft(s[i:], " \t")
	value = strings.TrimLeft(strings.TrimPrefix(value, "="), " \t")
	return key, value, value != ""
}

// splitWords splits as a shell does: quotes and backslashes, nothing more.
func splitWords(s string) ([]string, error) {
	var words []string
	var w strings.Builder
	var quote byte
	in := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == '\'':
			w.WriteByte(c)
		case c == '\\' && i+1 < len(s) && (quote == 0 || strings.IndexByte("\"\\$`", s[i+1]) >= 0):
			i++
			w.WriteByte(s[i])
			in = true
		case quote != 0:
			w.WriteByte(c)
		case c == '\'' || c == '"':
			quote, in = c, true
		case c == ' ' || c == '\t' || c == '\n':
			if in {
				words = append(words, w.String())
				w.Reset()
			}
			in = false
		default:
			w.WriteByte(c)
			in = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("unclosed %c", quote)
	}
	if in {
		words = append(words, w.String())
	}
	return words, nil
}
