package expr

import (
	"fmt"
	"strings"
)

// A habit is what one writes from knowing Jinja and Python: it does not parse
// here, or would mean something else. Its error shows the form that does.
type fix struct {
	off   int
	msg   string
	hint  string // when no edits say it
	edits []edit // of the source
}

type edit struct {
	from, to int
	text     string
}

// mended is the error of a habit with the whole expression as it should be.
func (f *fix) mended(src string, l *lexed, d dialect) *perr {
	e := &perr{off: f.off, msg: f.msg, hint: f.hint}
	if len(f.edits) == 0 {
		return e
	}
	text := src[l.start:l.end]
	for range 30 {
		text = apply(text, l.start, f.edits)
		next, err := scan(text, 0, endBare)
		if err != nil || len(next.toks) == 0 {
			break
		}
		l = next
		src = text
		if f = habit(src, l, d); f == nil || len(f.edits) == 0 {
			break
		}
	}
	e.fixed, e.hint = text, ""
	if f != nil && f.hint != "" {
		e.fixed, e.hint = "", f.hint
	}
	return e
}

// apply makes edits, which are sorted and apart, in a text that begins at start.
func apply(text string, start int, edits []edit) string {
	var b strings.Builder
	last := 0
	for _, e := range edits {
		if e.from-start < last || e.to-start > len(text) {
			continue
		}
		b.WriteString(text[last : e.from-start])
		b.WriteString(e.text)
		last = e.to - start
	}
	b.WriteString(text[last:])
	return b.String()
}

// habit finds the first habit in an expression.
func habit(src string, l *lexed, d dialect) *fix {
	h := &habits{src: src, toks: l.toks, l: l, d: d}
	for i, t := range l.toks {
		var f *fix
		switch t.kind {
		case tokIdent:
			f = h.ident(i, t)
		case tokOp:
			f = h.op(i, t)
		case tokOpen:
			if t.text == "(" {
				f = h.paren(i, t)
			}
		case tokString:
			if i > 0 && h.toks[i-1].kind == tokString {
				f = &fix{off: t.off, msg: "two texts beside each other", edits: []edit{{t.off, t.off, "+ "}}}
			}
		case tokNumber:
			if h.is(i-1, ".") && i > 1 && h.endsOperand(i-2) && h.toks[i-1].off == h.toks[i-2].end && !strings.Contains(t.text, ".") {
				f = &fix{off: h.toks[i-1].off, msg: "a number after a point", edits: []edit{{h.toks[i-1].off, t.end, "[" + t.text + "]"}}}
			}
		}
		if f != nil {
			return f
		}
	}
	return nil
}

type habits struct {
	src  string
	toks []tok
	l    *lexed
	d    dialect
}

func (h *habits) is(i int, text string) bool {
	return i >= 0 && i < len(h.toks) && h.toks[i].kind != tokString && h.toks[i].text == text
}

func (h *habits) text(i, j int) string {
	if i >= j {
		return ""
	}
	return h.src[h.toks[i].off:h.toks[j-1].end]
}

// endsOperand tells whether the i-th token can end an operand.
func (h *habits) endsOperand(i int) bool {
	if i < 0 || i >= len(h.toks) {
		return false
	}
	switch t := h.toks[i]; t.kind {
	case tokString, tokNumber, tokClose:
		return true
	case tokIdent:
		return !wordOperators[t.text]
	}
	return false
}

var wordOperators = map[string]bool{"and": true, "or": true, "not": true, "in": true, "if": true, "else": true, "is": true,
	"matches": true, "contains": true, "startsWith": true, "endsWith": true}

// match is the place of the bracket that closes (or opens) the i-th.
func (h *habits) match(i int) int {
	d := h.toks[i].depth
	if h.toks[i].kind == tokOpen {
		for j := i + 1; j < len(h.toks); j++ {
			if h.toks[j].kind == tokClose && h.toks[j].depth == d {
				return j
			}
		}
		return len(h.toks) - 1
	}
	for j := i - 1; j >= 0; j-- {
		if h.toks[j].kind == tokOpen && h.toks[j].depth == d {
			return j
		}
	}
	return 0
}

// operand is where the operand that ends at the token i begins: a name with
// its members, calls and pipes.
func (h *habits) operand(i int, pipes bool) int {
	for i >= 0 {
		j := i
		if h.toks[j].kind == tokClose {
			j = h.match(j)
			opens := h.toks[j].text
			if j > 0 && opens != "{" && (h.toks[j-1].kind == tokIdent && !wordOperators[h.toks[j-1].text] || h.toks[j-1].kind == tokClose || h.toks[j-1].kind == tokString) {
				i = j - 1
				continue
			}
		}
		switch {
		case h.is(j-1, ".") || h.is(j-1, "?."):
			i = j - 2
			continue
		case pipes && h.is(j-1, "|"):
			i = j - 2
			continue
		}
		return j
	}
	return 0
}

// segment is the expression around the token i: from behind the bracket or
// comma before it to that after it.
func (h *habits) segment(i int) (int, int) {
	d := h.toks[i].depth
	from, to := i, i
	edge := func(k int) bool {
		t := h.toks[k]
		if t.depth < d || t.depth == d && (t.kind == tokOp && (t.text == "," || t.text == ":" || t.text == "=")) {
			return true
		}
		return t.kind != tokIdent && t.depth == d-1
	}
	for from > 0 && !edge(from-1) {
		from--
	}
	for to+1 < len(h.toks) && !edge(to+1) {
		to++
	}
	return from, to + 1
}

func (h *habits) ident(i int, t tok) *fix {
	after := h.is(i-1, ".") || h.is(i-1, "?.")
	if after {
		return nil
	}
	switch t.text {
	case "is":
		if h.endsOperand(i - 1) {
			return h.test(i, t)
		}
	case "if":
		return h.inlineIf(i, t)
	case "else":
		return &fix{off: t.off, msg: `"else" has no meaning here`, hint: "write condition ? a : b"}
	case "let":
		return &fix{off: t.off, msg: `"let" has no meaning here`, hint: "set a variable with vars:"}
	case "lookup", "query", "q":
		if h.is(i+1, "(") {
			return h.lookup(i, t)
		}
	case "dict", "namespace":
		if h.is(i+1, "(") && h.is(i+3, "=") {
			return h.dict(i, t)
		}
	}
	if h.is(i-1, "|") {
		if last := h.collection(i); last > i {
			return &fix{off: t.off, msg: "functions have no collection before their name", edits: []edit{{t.off, h.toks[last].off, ""}}}
		}
		if f := h.filter(i, t); f != nil {
			return f
		}
		if e := h.unknown(i, t); e != nil {
			return e
		}
		if !h.is(i+1, "(") {
			return &fix{off: t.off, msg: fmt.Sprintf("%s after | needs its brackets", t.text), edits: []edit{{t.end, t.end, "()"}}}
		}
	}
	return nil
}

// collection is the last part of a name such as ansible.builtin.upper that begins at i; i when it has no parts.
func (h *habits) collection(i int) int {
	for i+2 < len(h.toks) && h.is(i+1, ".") && h.toks[i+2].kind == tokIdent {
		i += 2
	}
	return i
}

// inlineIf is a if c else b.
func (h *habits) inlineIf(i int, t tok) *fix {
	from, to := h.segment(i)
	f := &fix{off: t.off, msg: "an expression has no if", hint: "write condition ? a : b"}
	els := -1
	for j := i + 1; j < to; j++ {
		if h.toks[j].depth == t.depth && h.is(j, "else") {
			els = j
			break
		}
	}
	if from >= i {
		return f
	}
	if els < 0 {
		if i+1 >= to {
			return f
		}
		f.edits = []edit{{h.toks[from].off, h.toks[to-1].end, fmt.Sprintf(`%s ? %s : ""`, h.text(i+1, to), h.text(from, i))}}
		return f
	}
	if els+1 >= to {
		return f
	}
	f.edits = []edit{{h.toks[from].off, h.toks[to-1].end, fmt.Sprintf("%s ? %s : %s", h.text(i+1, els), h.text(from, i), h.text(els+1, to))}}
	return f
}

func (h *habits) op(i int, t tok) *fix {
	binary := func(msg, form string) *fix {
		f := &fix{off: t.off, msg: msg}
		if !h.endsOperand(i-1) || i+1 >= len(h.toks) {
			f.hint = "write " + fmt.Sprintf(form, "a", "b")
			return f
		}
		from := h.operand(i-1, true)
		to := h.operandEnd(i + 1)
		f.edits = []edit{{h.toks[from].off, h.toks[to-1].end, fmt.Sprintf(form, h.text(from, i), h.text(i+1, to))}}
		return f
	}
	switch t.text {
	case "~":
		f := &fix{off: t.off, msg: "texts are joined by +, not by ~", edits: []edit{{t.off, t.end, "+"}}}
		return f
	case "//":
		return binary("// is no operator here", "int(%s / %s)")
	case "/*":
		return &fix{off: t.off, msg: "an expression has no comments", hint: "write {# … #} outside of {{ }}"}
	case "%":
		if i > 0 && h.toks[i-1].kind == tokString {
			return binary("% takes numbers", "format(%s, %s)")
		}
	case "**":
		return binary("** is no operator here", "pow(%s, %s)")
	case "^":
		return binary("^ is no operator here", "pow(%s, %s)")
	case ";":
		return &fix{off: t.off, msg: `";" has no meaning in an expression`}
	case "$":
		return &fix{off: t.off, msg: `"$" has no meaning in an expression`, hint: "a name stands by itself"}
	case "&":
		return &fix{off: t.off, msg: `"&" has no meaning in an expression`, edits: []edit{{t.off, t.end, "and"}}}
	case "=":
		if i > 1 && h.toks[i-1].kind == tokIdent && (h.is(i-2, "(") || h.is(i-2, ",")) && t.depth > 0 {
			return h.keywords(i, t, "")
		}
		return &fix{off: t.off, msg: "= compares nothing", edits: []edit{{t.off, t.end, "=="}}}
	case "::":
		f := &fix{off: t.off, msg: `"::" has no meaning in an expression`, hint: "slices have no step: [from:to]"}
		if h.is(i-1, "[") && h.is(i+1, "-") && i+3 < len(h.toks) && h.toks[i+2].text == "1" && h.is(i+3, "]") && h.endsOperand(i-2) {
			from := h.operand(i-2, false)
			f.edits = []edit{{h.toks[from].off, h.toks[i+3].end, "reverse(" + h.text(from, i-1) + ")"}}
		}
		return f
	case "|":
		if i+1 == len(h.toks) || h.toks[i+1].kind != tokIdent {
			return &fix{off: t.off, msg: "| needs a function behind it"}
		}
	}
	return nil
}

// operandEnd is where the operand that begins at the token i ends.
func (h *habits) operandEnd(i int) int {
	for i < len(h.toks) && (h.is(i, "-") || h.is(i, "+")) {
		i++
	}
	if i >= len(h.toks) {
		return len(h.toks)
	}
	if h.toks[i].kind == tokOpen {
		i = h.match(i)
	}
	for i+1 < len(h.toks) {
		switch n := h.toks[i+1]; {
		case n.kind == tokOpen && n.text != "{":
			i = h.match(i + 1)
		case (n.text == "." || n.text == "?." || n.text == "|") && n.kind == tokOp && i+2 < len(h.toks):
			i += 2
		default:
			return i + 1
		}
	}
	return i + 1
}

// paren finds method calls and tuples.
func (h *habits) paren(i int, t tok) *fix {
	end := h.match(i)
	if i > 1 && h.toks[i-1].kind == tokIdent && (h.is(i-2, ".") || h.is(i-2, "?.")) {
		return h.method(i, end)
	}
	if i > 0 && (h.toks[i-1].kind == tokIdent && !wordOperators[h.toks[i-1].text]) {
		return nil
	}
	for j := i + 1; j < end; j++ {
		if h.toks[j].depth == t.depth+1 && h.is(j, ",") {
			return &fix{off: t.off, msg: "a list stands in square brackets", edits: []edit{{t.off, t.end, "["}, {h.toks[end].off, h.toks[end].end, "]"}}}
		}
	}
	return nil
}

// args are the arguments of the call whose brackets are i and end, as text.
func (h *habits) args(i, end int) []string {
	var out []string
	for _, r := range h.l.split(i+1, end) {
		out = append(out, h.text(r[0], r[1]))
	}
	return out
}

// keywords is the error of name=value in a call; i is the =.
func (h *habits) keywords(i int, t tok, hint string) *fix {
	open := i
	for open >= 0 && !(h.toks[open].kind == tokOpen && h.toks[open].depth == h.toks[i].depth-1) {
		open--
	}
	f := &fix{off: h.toks[max(i-1, 0)].off, msg: "arguments have no names here: their order tells them apart", hint: hint}
	if hint != "" || open < 1 {
		return f
	}
	name := h.toks[open-1].text
	fn := lookupFunction(name)
	if fn == nil {
		fn = h.d.macros[name]
	}
	if fn == nil {
		f.hint = "write the values in the order of the parameters"
		return f
	}
	if e := h.reorder(fn, open, h.match(open)); e != nil {
		f.edits = e
		return f
	}
	f.hint = "its form is " + fn.usage()
	return f
}

// dict is dict(name=value): a map.
func (h *habits) dict(i int, t tok) *fix {
	f := &fix{off: t.off, msg: "arguments have no names here", hint: `write {"name": value}`}
	end := h.match(i + 1)
	var members []string
	for _, r := range h.l.split(i+2, end) {
		if r[1]-r[0] < 3 || !h.is(r[0]+1, "=") || h.toks[r[0]].kind != tokIdent {
			return f
		}
		members = append(members, fmt.Sprintf("%q: %s", h.toks[r[0]].text, h.text(r[0]+2, r[1])))
	}
	f.edits = []edit{{t.off, h.toks[end].end, "{" + strings.Join(members, ", ") + "}"}}
	return f
}

// unknown is the error of a name after | that is no function; of a template
// file's macro it is not known here.
func (h *habits) unknown(i int, t tok) *fix {
	if lookupFunction(t.text) != nil || h.d.file && h.is(i+1, "(") {
		return nil
	}
	e := unknownFunction(t.text, t.off)
	return &fix{off: t.off, msg: e.msg, hint: e.hint}
}

// named are the arguments of a call: those without and those with a name.
func (h *habits) named(open, end int) (plain []string, named [][2]string) {
	for _, r := range h.l.split(open+1, end) {
		if r[1]-r[0] > 2 && h.is(r[0]+1, "=") && h.toks[r[0]].kind == tokIdent {
			named = append(named, [2]string{h.toks[r[0]].text, h.text(r[0]+2, r[1])})
			continue
		}
		plain = append(plain, h.text(r[0], r[1]))
	}
	return plain, named
}

// special are the arguments of functions whose named ones have no place of
// their own; false when there is no form for them.
func special(fn string, plain []string, named [][2]string, piped int) ([]string, bool) {
	get := func(name string) string {
		for _, n := range named {
			if n[0] == name {
				return n[1]
			}
		}
		return ""
	}
	switch fn {
	case "combine":
		for _, name := range []string{"recursive", "list_merge"} {
			if v := get(name); v != "" {
				plain = append(plain, v)
			}
		}
		return plain, true
	case "zip_longest":
		return append(plain, get("fillvalue")), get("fillvalue") != ""
	case "comment":
		var members []string
		style := `"plain"`
		if len(plain) > 1-piped {
			style = plain[1-piped]
		}
		for _, n := range named {
			if n[0] == "style" {
				style = n[1]
				continue
			}
			members = append(members, fmt.Sprintf("%q: %s", n[0], n[1]))
		}
		plain = append(plain[:min(1-piped, len(plain))], style)
		if members != nil {
			plain = append(plain, "{"+strings.Join(members, ", ")+"}")
		}
		return plain, true
	case "regex_search", "regex_findall":
		flags := ""
		for _, n := range named {
			if on, ok := asBool(n[1]); ok && on && (n[0] == "ignorecase" || n[0] == "multiline") {
				flags += n[0][:1]
			}
		}
		at := 1 - piped
		if at >= len(plain) || len(plain[at]) < 2 || plain[at][0] != '\'' && plain[at][0] != '"' {
			return nil, false
		}
		if flags != "" {
			plain[at] = plain[at][:1] + "(?" + flags + ")" + plain[at][1:]
		}
		return plain, true
	}
	return nil, false
}

// reorder writes named arguments at the places of their parameters.
func (h *habits) reorder(fn *Function, open, end int) []edit {
	piped := 0
	if open > 1 && h.is(open-2, "|") {
		piped = 1
	}
	plain, names := h.named(open, end)
	if out, ok := special(fn.Name, plain, names, piped); ok {
		return []edit{{h.toks[open].end, h.toks[end].off, strings.Join(out, ", ")}}
	}
	given := map[int]string{}
	last := piped
	for k, r := range h.l.split(open+1, end) {
		if r[1]-r[0] > 2 && h.is(r[0]+1, "=") && h.toks[r[0]].kind == tokIdent {
			at := -1
			for j, p := range fn.Params {
				if p.Name == h.toks[r[0]].text {
					at = j
				}
			}
			if at < 0 {
				at = paramAlias(fn.Name, h.toks[r[0]].text)
			}
			if at < piped {
				return nil
			}
			given[at] = h.text(r[0]+2, r[1])
			last = max(last, at+1)
			continue
		}
		given[k+piped] = h.text(r[0], r[1])
		last = max(last, k+piped+1)
	}
	var out []string
	for j := piped; j < last; j++ {
		v, ok := given[j]
		if !ok {
			switch {
			case j >= len(fn.Params) || fn.Params[j].Rest:
				return nil
			case fn.Params[j].Default != "" && !strings.Contains(fn.Params[j].Default, " "):
				v = fn.Params[j].Default
			case fn.Params[j].Optional && fn.Params[j].Kind&KNull != 0:
				v = "null"
			default:
				return nil
			}
		}
		out = append(out, v)
	}
	return []edit{{h.toks[open].end, h.toks[end].off, strings.Join(out, ", ")}}
}

// paramAlias is the place of a parameter that Ansible or Jinja calls otherwise; -1: none.
func paramAlias(fn, name string) int {
	if at, ok := paramAliases[fn+" "+name]; ok {
		return at
	}
	return -1
}

var paramAliases = map[string]int{
	"default boolean": 2, "default default_value": 1, "int default": 1, "float default": 1, "join d": 1, "indent s": 0, "round precision": 1,
	"batch linecount": 1, "batch fill_with": 2, "slice fill_with": 2, "truncate killwords": 2, "wordwrap break_long_words": 2, "wordwrap wrapstring": 3,
	"env default": 1, "now fmt": 1, "strftime second": 1, "password_hash hashtype": 1, "hash hashtype": 1, "split sep": 1, "split maxsplit": 2,
	"ternary true_val": 1, "ternary false_val": 2, "ternary none_val": 3, "mandatory msg": 1, "extract morekeys": 2, "human_readable isbits": 1,
	"human_to_bytes default_unit": 1, "keep_keys target": 1, "remove_keys target": 1, "subelements obj": 0, "subelements subelements": 1,
	"dictsort case_sensitive": 1, "first_found files": 0, "first_found paths": 1, "log base": 1, "root base": 1, "to_uuid namespace": 1, "version version_type": 4,
	"groupby attribute": 1, "regex_replace value": 0, "random_mac seed": 1, "to_paths var": 0,
}
