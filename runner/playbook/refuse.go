package playbook

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/mxplay/mxplay/runner/source"
)

// What people bring along from Ansible and what is written instead.

// refuseWith refuses a with_ loop and shows the loop: that does the same.
func (l *load) refuseWith(n *source.Node, i int) {
	f := n.Fields[i]
	l.Lost.Field(f)
	l.Lost.Text("item")
	e := l.add(n.KeyErrorf(i, "%s is written as loop here", f.Key))
	e.Hint = loopFor(f.Key, f.Value)
}

// loopFor is the loop: line for a with_ keyword.
func loopFor(key string, v *source.Node) string {
	lit := func(n *source.Node) string { return exprOf(n) }
	args := func() string {
		var out []string
		for _, e := range listOf(v) {
			out = append(out, lit(e))
		}
		return strings.Join(out, ", ")
	}
	line := func(expr string) string { return "loop: " + yamlText(expr) }
	switch strings.TrimPrefix(key, "with_") {
	case "items":
		if v.Kind != source.List {
			return line("flatten(" + lit(v) + ", 1)")
		}
		if plainList(v) {
			return "write loop: in place of " + key + ":, the list stays as it is"
		}
		return line("flatten(" + lit(v) + ", 1)")
	case "list":
		return line(lit(v))
	case "flattened":
		return line("flatten(" + lit(v) + ")")
	case "dict":
		return line("dict2items(" + lit(v) + ")")
	case "together":
		return line("zip(" + args() + ")")
	case "nested", "cartesian":
		return line("product(" + args() + ")")
	case "subelements":
		return line("subelements(" + args() + ")")
	case "sequence":
		return line(sequence(v))
	case "fileglob":
		if len(listOf(v)) > 1 {
			return line("flatten(map([" + args() + "], fileglob(#)))")
		}
		return line("fileglob(" + args() + ")")
	case "first_found":
		return line(firstFound(v))
	case "random_choice":
		return line("[random(" + lit(v) + ")]")
	case "indexed_items":
		return line("flatten("+lit(v)+", 1)") + "\nloop_control: {index_var: index}"
	case "inventory_hostnames":
		return line("groups[" + lit(v) + "]")
	case "lines":
		return line("splitlines(pipe(" + args() + "))")
	case "file":
		return "loop: the list of names, and {{ file(item) }} where item stands"
	}
	return line(strings.TrimPrefix(key, "with_") + "(" + args() + ")")
}

// plainList tells whether a list can stay as it is: nothing in it could be a list itself.
func plainList(v *source.Node) bool {
	for _, e := range v.Items {
		if s, ok := e.Value.(string); e.Kind == source.List || ok && strings.HasPrefix(strings.TrimSpace(s), "{{") {
			return false
		}
	}
	return true
}

var wholeTemplate = regexp.MustCompile(`^\{\{(.*)\}\}$`)

// exprOf writes a node as an expression.
func exprOf(n *source.Node) string {
	switch {
	case n.IsNull():
		return "null"
	case n.Kind == source.List:
		var parts []string
		for _, e := range n.Items {
			parts = append(parts, exprOf(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case n.Kind == source.Map:
		var parts []string
		for _, f := range n.Fields {
			parts = append(parts, quoted(f.Key)+": "+exprOf(f.Value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	s, ok := n.Value.(string)
	if !ok {
		return n.Raw
	}
	if m := wholeTemplate.FindStringSubmatch(strings.TrimSpace(s)); m != nil && !strings.Contains(m[1], "{{") {
		return strings.TrimSpace(m[1])
	}
	return textOf(s)
}

// textOf writes a text, which may hold {{ }}, as an expression.
func textOf(s string) string {
	var parts []string
	for s != "" {
		open := strings.Index(s, "{{")
		end := strings.Index(s, "}}")
		if open < 0 || end < open {
			break
		}
		if open > 0 {
			parts = append(parts, quoted(s[:open]))
		}
		parts = append(parts, "string("+strings.TrimSpace(s[open+2:end])+")")
		s = s[end+2:]
	}
	if s != "" || parts == nil {
		parts = append(parts, quoted(s))
	}
	return strings.Join(parts, " + ")
}

// firstFound is the list of a with_first_found: of one file, or with skip of none.
func firstFound(v *source.Node) string {
	skip := false
	var args []string
	for _, e := range listOf(v) {
		m := *e
		m.Fields = nil
		for _, f := range e.Fields {
			if f.Key == "skip" {
				skip = skip || f.Value.Value == true
				continue
			}
			m.Fields = append(m.Fields, f)
		}
		args = append(args, exprOf(&m))
	}
	call := "first_found([" + strings.Join(args, ", ") + "])"
	if len(args) == 1 && v.Kind != source.List {
		call = "first_found(" + args[0] + ")"
	}
	if skip {
		return "filter([default(" + call + ", null)], # != null)"
	}
	return "[" + call + "]"
}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// sequence is the range of a with_sequence.
func sequence(v *source.Node) string {
	get := func(key, otherwise string) string {
		if v.Kind == source.Map {
			if e := v.Get(key); e != nil {
				return exprOf(e)
			}
			return otherwise
		}
		for _, w := range splitWords(v.Raw) {
			if val, ok := strings.CutPrefix(w, key+"="); ok {
				return strings.Trim(exprOf(&source.Node{Value: val}), `"`)
			}
		}
		return otherwise
	}
	start, end := get("start", "1"), get("end", "")
	if count := get("count", ""); end == "" && count != "" {
		return "range(" + start + ", " + start + " + " + count + ")"
	}
	after := end + " + 1"
	if n, err := strconv.Atoi(end); err == nil {
		after = strconv.Itoa(n + 1)
	}
	if stride := get("stride", ""); stride != "" {
		return fmt.Sprintf("range(%s, %s, %s)", start, after, stride)
	}
	return fmt.Sprintf("range(%s, %s)", start, after)
}

var plainYAML = regexp.MustCompile(`^[A-Za-z_][\w .(),|/+*-]*$`)

// yamlText is a text as a YAML value on one line, quoted when it must be.
func yamlText(s string) string {
	if plainYAML.MatchString(s) {
		switch strings.ToLower(s) {
		case "yes", "no", "true", "false", "on", "off", "null", "y", "n":
		default:
			return s
		}
	}
	return source.QuoteYAML(s)
}

// commandWords are what Ansible takes out of the text of a command.
var commandWords = map[string]bool{"creates": true, "removes": true, "chdir": true, "executable": true, "stdin": true, "warn": true}

// refuseKeyValue refuses the form "module: key=value" and shows the YAML; false when it is not that form.
func (l *load) refuseKeyValue(n *source.Node, i int, module, free string) bool {
	f := n.Fields[i]
	text, ok := f.Value.Value.(string)
	if !ok {
		return false
	}
	words := splitWords(text)
	var pairs []string
	var rest []string
	m := l.opts.Modules[module]
	for _, w := range words {
		key, _, isPair := strings.Cut(w, "=")
		isPair = isPair && identForm.MatchString(key)
		if isPair && free != "" {
			// free text may hold = signs; only the module's own words count
			isPair = commandWords[key] && isCommand(module) || !isCommand(module) && m != nil && m.Args.Field(key) != nil
		}
		if isPair {
			pairs = append(pairs, w)
		} else {
			rest = append(rest, w)
		}
	}
	if len(pairs) == 0 || free == "" && len(rest) > 0 && len(pairs) < len(rest) {
		return false
	}
	if free != "" && isCommand(module) {
		e := l.add(f.Value.Errorf("%s would be part of the command", pairs[0]))
		e.Hint = "put it beside the command:\n" + f.Key + ": " + yamlText(strings.Join(rest, " ")) + "\nargs:\n" + yamlPairs(pairs)
		return true
	}
	e := l.add(f.Value.Errorf("arguments of %s are written as YAML, not as key=value", f.Key))
	e.Hint = "\n" + f.Key + ":\n" + yamlPairs(pairs)
	if len(rest) > 0 && free != "" {
		e.Hint += "\n  " + free + ": " + yamlText(strings.Join(rest, " "))
	}
	e.Hint = strings.TrimPrefix(e.Hint, "\n")
	return true
}

func isCommand(module string) bool {
	return module == "command" || module == "shell" || module == "script" || module == "raw"
}

// yamlPairs are key=value words as indented lines of YAML.
func yamlPairs(pairs []string) string {
	var lines []string
	for _, p := range pairs {
		key, val, _ := strings.Cut(p, "=")
		lines = append(lines, "  "+key+": "+yamlValue(val))
	}
	return strings.Join(lines, "\n")
}

// yamlValue is a key=value's value: quotes around all of it are YAML's from now on.
func yamlValue(val string) string {
	if len(val) >= 2 && (val[0] == '"' || val[0] == '\'') && val[len(val)-1] == val[0] {
		return yamlText(val[1 : len(val)-1])
	}
	if pathForm.MatchString(val) {
		return val
	}
	if modeForm.MatchString(val) {
		return `"` + val + `"`
	}
	if bareForm.MatchString(val) {
		return val
	}
	return yamlText(val)
}

var (
	pathForm = regexp.MustCompile(`^[/~][\w./~-]*$`)
	modeForm = regexp.MustCompile(`^0[0-7]+$`)
	bareForm = regexp.MustCompile(`^(\d+|yes|no|true|false|on|off)$`)
)

// splitWords splits as a shell does, but keeps quotes and {{ }} whole.
func splitWords(s string) []string {
	var out []string
	var w strings.Builder
	var quote byte
	depth := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0:
			if c == quote && s[i-1] != '\\' {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case strings.HasPrefix(s[i:], "{{"):
			depth++
		case strings.HasPrefix(s[i:], "}}") && depth > 0:
			depth--
		case depth == 0 && (c == ' ' || c == '\t' || c == '\n'):
			if w.Len() > 0 {
				out = append(out, w.String())
				w.Reset()
			}
			continue
		}
		w.WriteByte(c)
	}
	if w.Len() > 0 {
		out = append(out, w.String())
	}
	return out
}

// refuseAction refuses action and its like and shows the task as it is written here.
func (l *load) refuseAction(n *source.Node, i int, k *Keyword) {
	f := n.Fields[i]
	e := l.add(n.KeyErrorf(i, "%s is no keyword here", f.Key))
	e.Hint = k.Refused
	if k.Name != "action" && k.Name != "local_action" {
		return
	}
	var lines []string
	switch {
	case f.Value.Kind == source.Map:
		name, ok := constant(f.Value.Get("module"))
		if !ok {
			return
		}
		lines = append(lines, name+":")
		for _, a := range f.Value.Fields {
			if a.Key != "module" {
				text := a.Value.Raw
				if a.Value.Kind != source.Scalar {
					text = "..."
				}
				lines = append(lines, "  "+a.Key+": "+yamlValue(text))
			}
		}
	default:
		text, _ := f.Value.Value.(string)
		words := splitWords(text)
		if len(words) == 0 {
			return
		}
		if isCommand(words[0]) {
			lines = append(lines, words[0]+": "+yamlText(strings.Join(words[1:], " ")))
		} else if len(words) == 1 {
			lines = append(lines, words[0]+": {}")
		} else {
			lines = append(lines, words[0]+":", yamlPairs(words[1:]))
		}
	}
	if k.Name == "local_action" {
		lines = append(lines, "delegate_to: localhost")
	}
	e.Hint = "write it as\n" + strings.Join(lines, "\n")
}
