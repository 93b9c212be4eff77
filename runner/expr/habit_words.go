package expr

import (
	"fmt"
	"regexp"
	"strings"
)

// tests are Jinja's tests (x is …) with their forms; %s is x, %[2]s the argument.
var tests = map[string]string{
	"defined": "defined(%s)", "undefined": "not defined(%s)",
	"none": "%s == null", "true": "%s == true", "false": "%s == false",
	"failed": "%s.failed", "failure": "%s.failed", "succeeded": "not %s.failed", "success": "not %s.failed", "successful": "not %s.failed",
	"changed": "%s.changed", "change": "%s.changed", "skipped": "%s.skipped", "skip": "%s.skipped", "unreachable": "%s.unreachable",
	"string": "is_string(%s)", "mapping": "is_mapping(%s)", "iterable": "is_iterable(%s)", "sequence": "is_sequence(%s)",
	"number": "is_number(%s)", "integer": "is_integer(%s)", "float": "is_float(%s)", "boolean": "is_boolean(%s)",
	"truthy": "truthy(%s)", "falsy": "falsy(%s)",
	"version": "version(%s, %s)", "version_compare": "version(%s, %s)",
	"match": "%s matches %s", "search": "%s matches %s", "regex": "%s matches %s",
	"contains": "%[2]s in %[1]s", "in": "%s in %s", "subset": "subset(%s, %s)", "superset": "superset(%s, %s)",
	"issubset": "subset(%s, %s)", "issuperset": "superset(%s, %s)",
	"even": "%s %% 2 == 0", "odd": "%s %% 2 == 1", "divisibleby": "%s %% %s == 0",
	"eq": "%s == %s", "equalto": "%s == %s", "ne": "%s != %s", "sameas": "%s == %s",
	"gt": "%s > %s", "greaterthan": "%s > %s", "ge": "%s >= %s", "lt": "%s < %s", "lessthan": "%s < %s", "le": "%s <= %s",
	"any": "any(%s, #)", "all": "all(%s, #)", "exists": "exists(%s)", "file": "is_file(%s)", "directory": "is_dir(%s)",
	"lower": "%[1]s == lower(%[1]s)", "upper": "%[1]s == upper(%[1]s)",
	"link": "is_link(%s)", "abs": "is_abs(%s)", "mount": "is_mount(%s)", "same_file": "same_file(%s, %s)", "link_exists": "is_link(%s)",
	"is_dir": "is_dir(%s)", "is_file": "is_file(%s)", "is_link": "is_link(%s)", "is_abs": "is_abs(%s)", "is_mount": "is_mount(%s)", "is_same_file": "same_file(%s, %s)",
	"started": "%s.started", "finished": "%s.finished", "reachable": "not %s.unreachable",
	"in_network": "ipaddr(%s, %s) != false", "ip": "ipaddr(%s) != false", "ip_address": "ipaddr(%s) != false", "ipv4": "ipv4(%s) != false", "ipv4_address": "ipv4(%s) != false",
	"ipv6": "ipv6(%s) != false", "ipv6_address": "ipv6(%s) != false", "mac": "hwaddr(%s) != false", "uri": `%s matches "^[a-z][a-z0-9+.-]*:"`, "url": `%s matches "^[a-z][a-z0-9+.-]*://"`,
	"public": `ipaddr(%s, "public") != false`, "private": `ipaddr(%s, "private") != false`, "loopback": `ipaddr(%s, "loopback") != false`, "multicast": `ipaddr(%s, "multicast") != false`,
}

// test is x is [not] name[(arguments)]; i is the "is".
func (h *habits) test(i int, t tok) *fix {
	from := h.operand(i-1, true)
	x := h.text(from, i)
	j := i + 1
	negated := h.is(j, "not")
	if negated {
		j++
	}
	f := &fix{off: t.off, msg: `"is" has no meaning here`, hint: "tests are functions: defined(x), is_string(x)"}
	if j >= len(h.toks) || h.toks[j].kind != tokIdent {
		return f
	}
	j = h.collection(j)
	name := h.toks[j].text
	end := j + 1
	arg := ""
	switch {
	case h.is(end, "("):
		c := h.match(end)
		arg = h.text(end+1, c)
		if w := strings.ToLower(name); w == "match" || w == "search" || w == "regex" {
			arg = patternArg(w, h.args(end, c))
		}
		end = c + 1
	case strings.Contains(tests[strings.ToLower(name)], "%[2]s") || strings.Count(tests[strings.ToLower(name)], "%s") == 2:
		e := h.operandEnd(end)
		arg = h.text(end, e)
		end = max(e, end)
	}
	form, ok := tests[strings.ToLower(name)]
	if !ok {
		f.hint = fmt.Sprintf("no test is called %s", name)
		return f
	}
	if end < len(h.toks) && (h.is(end, "|")) {
		return f
	}
	out := ""
	if strings.Contains(form, "%[2]s") || strings.Count(form, "%s") == 2 {
		if arg == "" {
			return f
		}
		out = fmt.Sprintf(form, x, arg)
	} else {
		out = fmt.Sprintf(form, x)
	}
	if negated {
		switch {
		case strings.HasPrefix(out, "not "):
			out = out[4:]
		case strings.HasSuffix(form, "== null"):
			out = x + " != null"
		case strings.Contains(form, " "):
			out = "not (" + out + ")"
		default:
			out = "not " + out
		}
	}
	f.msg = fmt.Sprintf(`"is %s" has no meaning here`, name)
	f.hint = ""
	f.edits = []edit{{h.toks[from].off, h.toks[end-1].end, out}}
	return f
}

// patternArg is the argument of match, search and regex with their flags in it.
func patternArg(test string, args []string) string {
	if len(args) == 0 {
		return ""
	}
	pattern, flags := args[0], ""
	for _, a := range args[1:] {
		k, v, _ := strings.Cut(strings.ReplaceAll(a, " ", ""), "=")
		if on, ok := asBool(v); ok && on && (k == "ignorecase" || k == "multiline") {
			flags += k[:1]
		}
	}
	if len(pattern) < 2 || pattern[0] != '\'' && pattern[0] != '"' {
		return pattern
	}
	q, rest := pattern[:1], pattern[1:]
	if test == "match" && rest[0] != '^' {
		rest = "^" + rest
	}
	if flags != "" {
		rest = "(?" + flags + ")" + rest
	}
	return q + rest
}

// lookupArgs are the arguments of a lookup as those of the function: options
// that stand in the text, and those that have no meaning here.
func lookupArgs(name string, args []string) []string {
	out := args
	order := map[string][]string{"password": {"length", "chars", "seed", "encrypt"}, "csvfile": {"file", "delimiter", "col"}, "ini": {"file", "section"}}[name]
	if order == nil || len(out) != 1 || len(out[0]) < 2 || out[0][0] != '\'' && out[0][0] != '"' || !strings.Contains(out[0], "=") {
		return out
	}
	q := out[0][:1]
	words := strings.Fields(strings.Trim(out[0], q))
	given := map[string]string{}
	for _, w := range words[1:] {
		k, v, _ := strings.Cut(w, "=")
		given[k] = v
	}
	out = []string{q + words[0] + q}
	for _, k := range order {
		v, ok := given[k]
		delete(given, k)
		switch {
		case !ok && len(given) == 0:
			return out
		case !ok && k == "length":
			v = "20"
		case !ok && k == "delimiter":
			v = `"\t"`
		case !ok:
			v = "null"
		case k != "length" && k != "col":
			v = q + v + q
		}
		out = append(out, v)
	}
	return out
}

// lookupForm is the form of a lookup: with one %s for all its arguments, or each for one.
type lookupForm struct {
	form string
	each bool // a list of texts is made one by one: the function takes one
	list bool // it gives a list of texts, which lookup() joins
}

// lookups are Ansible's lookups with their forms.
var lookups = map[string]lookupForm{
	"env": {form: "env(%s)", each: true}, "file": {form: "file(%s)", each: true}, "pipe": {form: "pipe(%s)", each: true},
	"password": {form: "password(%s)", each: true}, "template": {form: "template(%s)", each: true}, "vars": {form: "vars[%s]", each: true},
	"csvfile": {form: "csvfile(%s)", each: true}, "ini": {form: "ini(%s)", each: true}, "first_found": {form: "first_found(%s)"},
	"fileglob": {form: "fileglob(%s)", list: true}, "varnames": {form: "varnames(%s)", list: true}, "lines": {form: "lines(%s)", list: true},
	"sequence": {form: "sequence(%s)", list: true}, "dict": {form: "dict2items(%s)"}, "items": {form: "flatten(%s, 1)"}, "flattened": {form: "flatten(%s)"},
	"together": {form: "zip(%s)"}, "nested": {form: "product(%s)"}, "cartesian": {form: "product(%s)"}, "subelements": {form: "subelements(%s)"},
	"random_choice": {form: "random(%s)"}, "list": {form: "%s"}, "indexed_items": {form: "map(%s, [#index, #])"},
	"inventory_hostnames": {form: "groups[%s]"},
}

// noLookups are lookups that no function stands for, with what does the same.
var noLookups = map[string]string{
	"url": "a task with uri and register reads an URL; on the controller pipe(\"curl -fsS URL\")", "dig": `write pipe("dig +short NAME TYPE")`, "dnstxt": `write pipe("dig +short NAME TXT")`,
	"config": "there is no file of settings", "unvault": "secrets are made on the host by the module secret", "random_string": `write password("/dev/null", 12), or with a file in place of /dev/null to keep it`,
	"random_pet": `write random(["a", "b"])`, "random_words": `write random(["a", "b"])`, "passwordstore": `write pipe("pass show NAME")`, "hashi_vault": `write pipe("vault kv get -field=FIELD PATH")`,
	"vault_kv2_get": `write pipe("vault kv get -field=FIELD PATH")`, "onepassword": `write pipe("op read REFERENCE")`, "bitwarden": `write pipe("bw get password NAME")`, "keyring": `write pipe("secret-tool lookup ...")`,
	"filetree": `write fileglob("DIR/*"), or copy with a folder as src`, "merge_variables": "write reduce(map(varnames(PATTERN), vars[#]), combine(#acc, #))", "redis": `write pipe("redis-cli get KEY")`,
	"aws_secret": `write pipe("aws secretsmanager get-secret-value ...")`, "aws_ssm": `write pipe("aws ssm get-parameter ...")`, "consul_kv": `write pipe("consul kv get KEY")`, "etcd": `write pipe("etcdctl get KEY")`,
	"k8s": `write pipe("kubectl get ... -o json") | from_json()`, "dependent": "write product(a, b), or a closure over the outer item", "toml": `write pipe("...") | from_json()`, "sops": `write pipe("sops -d FILE") | from_yaml()`,
}

// lookup is lookup("name", …), query and q.
func (h *habits) lookup(i int, t tok) *fix {
	end := h.match(i + 1)
	f := &fix{off: t.off, msg: t.text + "() has no meaning here", hint: `lookups are functions: env("A"), file("path")`}
	if i+2 >= len(h.toks) || h.toks[i+2].kind != tokString {
		return f
	}
	name := h.toks[i+2].text
	name = name[strings.LastIndexByte(name, '.')+1:]
	form, ok := lookups[name]
	if !ok {
		f.hint = fmt.Sprintf("no function does what the lookup %s does", name)
		if to := noLookups[name]; to != "" {
			f.hint += ": " + to
		}
		return f
	}
	plain, named := h.named(i+1, end)
	if plain = plain[1:]; len(plain) == 0 && len(named) == 0 {
		return f
	}
	list := t.text != "lookup"
	instead := ""
	var kept []string
	for _, n := range named {
		switch {
		case n[0] == "wantlist":
			list, _ = asBool(n[1])
		case n[0] == "skip" || n[0] == "errors" || n[0] == "convert_data" || n[0] == "allow_dir":
		case n[0] == "default" && name == "vars":
			instead = n[1]
		case n[0] == "template_vars":
			f.hint = "write template(" + strings.Join(plain, ", ") + "), and the variables under vars: of the task"
			return f
		default:
			kept = append(kept, n[0]+"="+n[1])
		}
	}
	if name == "first_found" && len(kept) > 0 {
		var members []string
		for _, k := range kept {
			key, v, _ := strings.Cut(k, "=")
			members = append(members, fmt.Sprintf("%q: %s", key, v))
		}
		plain, kept = append(plain, "{"+strings.Join(members, ", ")+"}"), nil
		if len(plain) > 1 {
			plain = []string{"[" + strings.Join(plain, ", ") + "]"}
		}
	}
	one := func(args []string) string {
		out := fmt.Sprintf(form.form, strings.Join(append(lookupArgs(name, args), kept...), ", "))
		if instead != "" {
			out = "default(" + out + ", " + instead + ")"
		}
		return out
	}
	var out string
	switch {
	case form.each && len(plain) > 1:
		var all []string
		for _, p := range plain {
			all = append(all, one([]string{p}))
		}
		if out = "[" + strings.Join(all, ", ") + "]"; !list {
			out = "join(" + out + ", \",\")"
		}
	case form.each && list:
		out = "[" + one(plain) + "]"
	case name == "fileglob" && len(plain) > 1:
		out = "flatten(map([" + strings.Join(plain, ", ") + "], fileglob(#)))"
	case form.list && !list:
		out = "join(" + one(plain) + ", \",\")"
	default:
		out = one(plain)
	}
	f.edits = []edit{{t.off, h.toks[end].end, out}}
	return f
}

// method is x.name(…); i and end are the brackets.
func (h *habits) method(i, end int) *fix {
	name := h.toks[i-1].text
	if i < 3 {
		return nil
	}
	from := h.operand(i-3, false)
	x := h.text(from, i-2)
	if h.d.file && h.toks[from].kind == tokIdent && from == i-3 {
		// a macro of an imported file, loop.cycle: known when the file is rendered,
		// unless it is a method of Python's
		if _, python := methods[name]; !python || x == "loop" {
			return nil
		}
	}
	args := h.args(i, end)
	f := &fix{off: h.toks[i-1].off, msg: fmt.Sprintf("values have no methods: .%s()", name)}
	form := methods[name]
	if form == "" {
		if lookupFunction(name) == nil {
			if h.d.file {
				return nil
			}
			f.hint = "functions take the value as their first argument"
			return f
		}
		form = name + "(%s)"
	}
	n := strings.Count(form, "%s")
	var out string
	switch {
	case name == "get" && len(args) == 2:
		out = fmt.Sprintf("default(%s[%s], %s)", x, args[0], args[1])
	case name == "get" && len(args) == 1:
		out = fmt.Sprintf("(%s[%s] ?? null)", x, args[0])
	case name == "format":
		out = fmt.Sprintf("format(%s)", strings.Join(append([]string{x}, args...), ", "))
	case name == "items" && h.d.file:
		out = "items(" + x + ")"
	case n == 1 && len(args) > 0:
		out = strings.TrimSuffix(fmt.Sprintf(form, x), ")") + ", " + strings.Join(args, ", ") + ")"
	case n == 1:
		out = fmt.Sprintf(form, x)
	case n == 2 && len(args) > 0:
		a, b := x, args[0]
		if name == "join" {
			a, b = args[0], x
		}
		out = fmt.Sprintf(form, a, b)
	default:
		return f
	}
	f.edits = []edit{{h.toks[from].off, h.toks[end].end, out}}
	return f
}

// methods are Python's methods with their forms; the first %s is the value.
var methods = map[string]string{
	"items": "dict2items(%s)", "keys": "keys(%s)", "values": "values(%s)", "get": "default(%s)",
	"append": "%s + [%s]", "extend": "%s + %s", "update": "combine(%s, %s)", "copy": "%s", "index": "findIndex(%s, # == %s)",
	"split": "split(%s)", "rsplit": "split(%s)", "splitlines": "splitlines(%s)", "join": "join(%s, %s)", "replace": "replace(%s)",
	"strip": "trim(%s)", "lstrip": "trim(%s)", "rstrip": "trim(%s)",
	"lower": "lower(%s)", "upper": "upper(%s)", "title": "title(%s)", "capitalize": "capitalize(%s)", "format": "format(%s)",
	"startswith": "%s startsWith %s", "endswith": "%s endsWith %s", "count": "count(%s, # == %s)", "find": "regex_search(%s, %s)",
	"isdigit": `%s matches "^[0-9]+$"`, "isalnum": `%s matches "^[0-9A-Za-z]+$"`, "isalpha": `%s matches "^[A-Za-z]+$"`,
	"encode": "%s", "decode": "%s", "union": "union(%s, %s)", "intersection": "intersect(%s, %s)", "difference": "difference(%s, %s)",
	"total_seconds": "%s", "strftime": "strftime(%s)", "zfill": `format("%%0*d", %s)`,
}

// methodHint is the hint for a member that looks like a method.
func methodHint(m *memberNode) string {
	if form, ok := methods[m.name]; ok && m.index == nil && strings.Count(form, "%s") == 1 {
		return "write " + fmt.Sprintf(form, pathOf(m.base))
	}
	return ""
}

// filter is x | name(…) for filters that have another form here; i is the name.
func (h *habits) filter(i int, t tok) *fix {
	from := h.operand(i-2, true)
	x := h.text(from, i-1)
	end := i + 1
	var args []string
	if h.is(end, "(") {
		c := h.match(end)
		args = h.args(end, c)
		end = c + 1
	}
	f := &fix{off: t.off, msg: fmt.Sprintf("no function is called %s", t.text)}
	to := h.toks[end-1].end
	put := func(form string, a ...any) *fix {
		f.edits = []edit{{h.toks[from].off, to, fmt.Sprintf(form, a...)}}
		return f
	}
	text := func(i int) string { return strings.Trim(args[i], `'"`) }
	quoted := func(i int) bool { return i < len(args) && args[i] != "" && (args[i][0] == '\'' || args[i][0] == '"') }
	switch t.text {
	case "d":
		return &fix{off: t.off, msg: f.msg, edits: []edit{{t.off, t.end, "default"}}}
	case "len", "count":
		if t.text == "count" && len(args) > 0 {
			return nil
		}
		return put("length(%s)", x)
	case "e", "fromjson", "tojson", "from_toml":
		if n := map[string]string{"e": "escape", "fromjson": "from_json", "tojson": "to_json"}[t.text]; n != "" {
			return &fix{off: t.off, msg: f.msg, edits: []edit{{t.off, t.end, n}}}
		}
	case "regex_contains":
		return put("%s matches %s", x, strings.Join(args, ", "))
	case "selectattr", "rejectattr":
		if !quoted(0) {
			return f
		}
		not := ""
		if t.text == "rejectattr" {
			not = "not "
		}
		return put("filter(%s, %s)", x, itemTest(not, "."+text(0), args[1:]))
	case "select", "reject":
		not := ""
		if t.text == "reject" {
			not = "not "
		}
		if len(args) == 0 {
			return put("filter(%s, %struthy(#))", x, not)
		}
		return put("filter(%s, %s)", x, itemTest(not, "#", args))
	case "map":
		if len(args) == 0 {
			return &fix{off: t.off, msg: "map needs what to do with each item", hint: "write map(list, .name) or map(list, upper(#))"}
		}
		if a, ok := strings.CutPrefix(strings.ReplaceAll(args[0], " ", ""), "attribute="); ok {
			f.msg = "arguments have no names here"
			if len(args) > 1 {
				if d, ok := strings.CutPrefix(strings.ReplaceAll(args[1], " ", ""), "default="); ok {
					return put("map(%s, .%s ?? %s)", x, strings.Trim(a, `'"`), d)
				}
			}
			return put("map(%s, .%s)", x, strings.Trim(a, `'"`))
		}
		if quoted(0) {
			f.msg = "map takes an expression over each item, not the name of a filter"
			if text(0) == "extract" && len(args) > 1 {
				if len(args) > 2 && !quoted(2) {
					return put("map(%s, extract(#, %s, %s))", x, args[1], args[2])
				}
				m := ""
				if len(args) > 2 {
					m = "[" + args[2] + "]"
				}
				return put("map(%s, %s[#]%s)", x, args[1], m)
			}
			name := text(0)
			if name == "d" {
				name = "default"
			}
			return put("map(%s, %s(%s))", x, name, strings.Join(append([]string{"#"}, args[1:]...), ", "))
		}
		return nil
	case "sum":
		if len(args) > 0 {
			if a, ok := strings.CutPrefix(strings.ReplaceAll(args[0], " ", ""), "attribute="); ok {
				f.msg = "arguments have no names here"
				if strings.Trim(a, `'"`) != "" && len(args) == 1 {
					return put("sum(%s, .%s)", x, strings.Trim(a, `'"`))
				}
			}
			if strings.ReplaceAll(args[0], " ", "") == "start=[]" {
				f.msg = "sum adds numbers"
				return put("flatten(%s, 1)", x)
			}
		}
		return nil
	case "sort":
		if len(args) == 1 {
			if a, ok := strings.CutPrefix(strings.ReplaceAll(args[0], " ", ""), "attribute="); ok {
				f.msg = "arguments have no names here"
				return put("sortBy(%s, .%s)", x, strings.Trim(a, `'"`))
			}
		}
		return nil
	case "min", "max":
		if len(args) == 1 {
			if a, ok := strings.CutPrefix(strings.ReplaceAll(args[0], " ", ""), "attribute="); ok {
				f.msg = "arguments have no names here"
				end := map[string]string{"min": "first", "max": "last"}[t.text]
				return put("%s(sortBy(%s, .%s))", end, x, strings.Trim(a, `'"`))
			}
		}
		return nil
	case "json_query", "community":
		f.hint = "write filter(list, .name == …) and map(list, .name)"
		if quoted(0) {
			if form, ok := jsonQuery(x, args[0][1:len(args[0])-1]); ok {
				return put("%s", form)
			}
		}
		return f
	case "safe", "unsafe":
		return put("%s", x)
	case "attr":
		if len(args) > 0 {
			return put("%s[%s]", x, args[0])
		}
	}
	return nil
}

var (
	queryPath   = regexp.MustCompile(`^\w+(\.\w+)*$`)
	queryItems  = regexp.MustCompile(`^(?:(\w+(?:\.\w+)*))?\[(?:\*|\?\s*(\w+(?:\.\w+)*)\s*(==|!=|<=|>=|<|>)\s*([^\]]+?)\s*)?\](?:\.(\w+(?:\.\w+)*))?$`)
	queryString = regexp.MustCompile("^[`'\"]+([^`'\"]*)[`'\"]+$")
)

// jsonQuery is the form of a simple query of json_query: a path, the items of
// a list or those that a comparison picks, a member of each, and | [0].
func jsonQuery(x, query string) (string, bool) {
	query, first := strings.CutSuffix(strings.ReplaceAll(query, " ", ""), "|[0]")
	if queryPath.MatchString(query) {
		return x + "." + query, !first
	}
	m := queryItems.FindStringSubmatch(query)
	if m == nil {
		return "", false
	}
	out := x
	if m[1] != "" {
		out += "." + m[1]
	}
	if m[2] != "" {
		v := m[4]
		if s := queryString.FindStringSubmatch(v); s != nil {
			if v = s[1]; m[4][0] != '`' || !plainQuery.MatchString(v) {
				v = fmt.Sprintf("%q", v)
			}
		}
		out = fmt.Sprintf("filter(%s, .%s %s %s)", out, m[2], m[3], v)
	}
	if m[5] != "" {
		out = fmt.Sprintf("map(%s, .%s)", out, m[5])
	}
	if first {
		out = "first(" + out + ")"
	}
	return out, true
}

// plainQuery is a JSON literal that is no text.
var plainQuery = regexp.MustCompile(`^(true|false|null|-?[0-9.]+)$`)

// itemTest is the closure of select and selectattr: x, the test's name, its argument.
func itemTest(not, x string, args []string) string {
	if len(args) == 0 {
		return not + x
	}
	name := strings.Trim(args[0], `'"`)
	switch name {
	case "==", "!=", "<", "<=", ">", ">=":
		if len(args) > 1 {
			if not != "" {
				return "not (" + x + " " + name + " " + args[1] + ")"
			}
			return x + " " + name + " " + args[1]
		}
	}
	form, ok := tests[name]
	if !ok {
		return not + name + "(" + strings.Join(append([]string{x}, args[1:]...), ", ") + ")"
	}
	var out string
	if strings.Count(form, "%s") == 2 || strings.Contains(form, "%[2]s") {
		if len(args) < 2 {
			return not + x
		}
		arg := strings.Join(args[1:], ", ")
		if name == "match" && len(arg) > 1 && (arg[0] == '\'' || arg[0] == '"') && arg[1] != '^' {
			arg = arg[:1] + "^" + arg[1:]
		}
		out = fmt.Sprintf(form, x, arg)
	} else {
		out = fmt.Sprintf(form, x)
	}
	switch {
	case not == "":
		return out
	case strings.HasPrefix(out, "not "):
		return out[4:]
	case strings.Contains(form, " "):
		return "not (" + out + ")"
	}
	return not + out
}

// renamed are functions of Jinja, Ansible and expr that have another name here.
var renamed = map[string]string{
	"d": "default", "len": "length", "e": "escape", "undefined": "not defined(x)", "string_test": "is_string", "mapping": "is_mapping",
	"iterable": "is_iterable", "sequence": "is_sequence", "number": "is_number", "boolean": "is_boolean", "integer": "is_integer",
	"failed": "x.failed", "succeeded": "not x.failed", "changed": "x.changed", "skipped": "x.skipped",
	"select": "filter(list, …)", "reject": "filter(list, not …)", "selectattr": "filter(list, .name == …)", "rejectattr": "filter(list, not .name)",
	"json_query": "filter(list, …) and map(list, …)",
	"toJSON":     "to_json", "fromJSON": "from_json", "toBase64": "b64encode", "fromBase64": "b64decode", "uniq": "unique", "concat": "a + b",
	"hasPrefix": "a startsWith b", "hasSuffix": "a endsWith b", "trimPrefix": "regex_replace", "trimSuffix": "regex_replace",
	"indexOf": "findIndex(list, # == x)", "ceil": `round(x, 0, "ceil")`, "floor": `round(x, 0, "floor")`, "mean": "sum(x) / length(x)",
	"type": "type_debug", "take": "list[:n]", "namespace": "vars:", "fromPairs": "items2dict", "toPairs": "dict2items",
	"directory": "is_dir", "isfile": "is_file", "match": "x matches y", "search": "x matches y", "regex": "x matches y",
	"sha256": `hash(x, "sha256")`, "sha512": `hash(x, "sha512")`, "vars": "vars[x]", "date": "to_datetime",
	"community.general.json_query": "filter",
}

// nowhere are filters and functions that have no counterpart, with what does the same.
var nowhere = map[string]string{
	"macaddr": "write hwaddr(x)", "dict_kv": "write {KEY: x}", "get_path": `write x["a"]["b"]`, "pprint": "write to_nice_json(x)", "forceescape": "write escape(x)", "cycler": "in a template file loop.cycle(a, b) does it",
	"joiner": `in a template file write {% if not loop.first %}, {% endif %}`, "lipsum": "write the text", "undef": "write mandatory(x) where it is read", "jc": "take the command's own JSON, or regex_findall(text, pattern)",
	"parse_cli": "write regex_findall(text, pattern)", "parse_cli_textfsm": "write regex_findall(text, pattern)", "from_xml": "write regex_search(text, pattern, group)", "to_xml": "write a template",
	"from_toml": "keep the data in YAML or JSON", "to_toml": "write a template", "vault": "the module secret makes secrets on the host", "unvault": "the module secret makes secrets on the host",
	"hashids_encode": `write hash(x, "sha1")[:8]`, "hashids_decode": "keep what was encoded", "unicode_normalize": "write the text in one form", "slaac": "write the address", "replace_keys": "write items2dict(map(dict2items(x), {\"key\": replace(.key, a, b), \"value\": .value}))",
	"usable_range": `write ipaddr(x, "range_usable")`, "nthost": "write nthhost(x, n)", "fact_diff": "write difference(a, b)", "param_list_compare": "write difference(a, b)",
	"split_pem": `write regex_findall(text, "(?s)-----BEGIN.*?-----END[^\n]*")`, "x509_certificate_info": "take what the module tells", "to_days": `write to_time_unit(x, "d")`, "to_hours": `write to_time_unit(x, "h")`,
	"to_minutes": `write to_time_unit(x, "min")`, "to_milliseconds": `write to_time_unit(x, "ms")`, "to_weeks": `write to_time_unit(x, "w")`, "to_months": `write to_time_unit(x, "mo")`, "to_years": `write to_time_unit(x, "y")`,
	"index_of": "write findIndex(list, # == x)", "consolidate": "write combine(a, b)", "lists_union": "write union(a, b)", "lists_intersect": "write intersect(a, b)", "lists_difference": "write difference(a, b)",
	"lists_symmetric_difference": "write symmetric_difference(a, b)", "accumulate": "write reduce(list, #acc + #)", "reveal_ansible_type": "write type_debug(x)", "ansible_type": "write type_debug(x)", "validate": "assert says what must hold",
	"vlan_parser": "write join(list, \",\")", "win_path": "write replace(x, \"/\", \"\\\\\")", "pass": "write pipe(\"pass show NAME\")",
}

// unknownFunction is the error of a call of a name that is no function.
func unknownFunction(name string, off int) *perr {
	e := &perr{off: off, msg: fmt.Sprintf("no function is called %s", name)}
	if to, ok := renamed[name]; ok {
		e.hint = "write " + to
		return e
	}
	if e.hint = nowhere[name]; e.hint != "" {
		return e
	}
	if c := similar(name, FunctionNames()); len(c) > 0 {
		e.hint = "did you mean " + strings.Join(c, " or ") + "?"
	}
	return e
}

// nameHint is the hint for a name that nothing sets.
func nameHint(name string) string {
	switch name {
	case "TRUE", "yes", "Yes", "on":
		return "write true"
	case "FALSE", "no", "No", "off":
		return "write false"
	case "Null", "NULL", "undefined":
		return "write null"
	case "environment":
		return `ansible_env has the host's environment, env("NAME") the controller's`
	case "ansible_python", "ansible_python_version", "ansible_playbook_python", "ansible_python_interpreter":
		return "mxplay needs no Python on a host and knows nothing of it"
	}
	return ""
}
