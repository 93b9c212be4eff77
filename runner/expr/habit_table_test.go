package expr

import (
	"strings"
	"testing"
	"time"
)

// TestHabitForms: what one writes from knowing Jinja is answered with what to write here.
func TestHabitForms(t *testing.T) {
	for src, want := range map[string]string{
		`item.foo is defined and item.foo`:                                                `write "defined(item.foo) and item.foo"`,
		`x | default('') | length > 0`:                                                    `write "x | default('') | length() > 0"`,
		`groups['web'] | map('extract', hostvars, 'ansible_host') | list`:                 `write "map(groups['web'], hostvars[#]['ansible_host']) | list()"`,
		`x | dict2items | selectattr('value.a', 'defined') | map(attribute='key') | list`: `write "map(filter(x | dict2items(), defined(.value.a)), .key) | list()"`,
		`x | ansible.builtin.upper`:                                                       `write "x | upper()"`,
		`x | ansible.utils.ipaddr('network')`:                                             `write "x | ipaddr('network')"`,
		`x is ansible.builtin.version('1', '<')`:                                          `write "version(x, '1', '<')"`,
		`x is search('a', ignorecase=True)`:                                               `write "x matches '(?i)a'"`,
		`x is match('a.')`:                                                                `write "x matches '^a.'"`,
		`'%s' % x`:                                                                        `write "format('%s', x)"`,
		`'a' if y`:                                                                        `write 'y ? ''a'' : ""'`,
		`lookup('password', '/dev/null length=12 chars=digits')`:                          `write "password('/dev/null', 12, 'digits')"`,
		`lookup('csvfile', 'a file=b.csv delimiter=,')`:                                   `write "csvfile('a', 'b.csv', ',')"`,
		`lookup('ini', 'a section=b file=c')`:                                             `write "ini('a', 'c', 'b')"`,
		`lookup('first_found', 'a', skip=true)`:                                           `write "first_found('a')"`,
		`q('varnames', '^a')`:                                                             `write "varnames('^a')"`,
		`x | to_json(ensure_ascii=False)`:                                                 `write "x | to_json(false, null, False)"`,
		`x | sort(attribute='a', reverse=true)`:                                           `write "x | sort(true, false, 'a')"`,
		`x.0`:                                                                             `write "x[0]"`,
		`'a' 'b'`:                                                                         `write "'a' + 'b'"`,
	} {
		if p := parseBare(src); p.err == nil || p.err.hint != want {
			got := "no error"
			if p.err != nil {
				got = p.err.hint
			}
			t.Errorf("%s\n got %s\nwant %s", src, got, want)
		}
	}
}

// TestBudget: what would take ages or all memory ends with an error.
func TestBudget(t *testing.T) {
	for _, src := range []string{
		`"a" * 1000000000`, `[1] * 1000000000`, `1..1000000000`, `range(1000000000)`, `map(range(100000), range(100000))`,
		`combinations(range(100), 50)`, `permutations(range(100))`, `product(range(1000), range(1000), range(1000))`,
		`format("%999999999s", "a")`, `sequence("1-99999999")`, `comment("a", "c", {"prefix_count": 99999999})`,
		`password_hash("x", "sha512", "salt", null, 999999999)`, `password_hash("x", "bcrypt", null, null, 31)`,
		`reduce(range(100), #acc + #acc, "aaaaaaaa")`, `replace("a" * 1000000, "a", "b" * 1000000)`, `join(["a", "a"] * 100000, "b" * 100000)`,
		`indent("a\n" * 1000000, 1000)`, `center("a", 999999999)`,
	} {
		start := time.Now()
		_, err := evalText(t, src, nil)
		if err == nil {
			t.Errorf("%s: no error", src)
		} else if e := err.Error(); strings.Contains(e, "undefined") || strings.Contains(e, "no function") {
			t.Errorf("%s: %s", src, e)
		}
		if d := time.Since(start); d > time.Minute {
			t.Errorf("%s took %s", src, d)
		}
	}
}
