package main

import (
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/playbook"
)

func newDoc(p *program) *cobra.Command {
	var list bool
	var output string
	c := &cobra.Command{
		Use:   "doc [KIND] [NAME]",
		Short: "explain modules, keywords, functions, facts and magic variables",
		Long: `Shows the reference: modules, keywords, functions, facts, magic (variables that a
run sets itself) and connection (variables that say how a host is reached), in a
line each, or one of them in full. A name that stands for several is shown as all
of them; "doc keyword NAME", "doc function NAME" and so on pick one.`,
		Example: `  mxplay doc modules
  mxplay doc template
  mxplay doc keyword when
  mxplay doc -l functions
  mxplay doc copy --output json`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			r := &reference{w: p.out, tasks: p.tasks}
			switch {
			case output != "text" && output != "json":
				return badInput(fmt.Errorf("--output is text or json, not %s", output))
			case output == "json":
				return badInput(r.json(args))
			case list:
				return badInput(r.list(args))
			}
			return badInput(r.show(args))
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			r := &reference{tasks: p.tasks}
			switch {
			case len(args) == 0:
				return append(append(docKinds(), "precedence"), r.names()...), cobra.ShellCompDirectiveNoFileComp
			case len(args) == 1 && slices.Contains(docKinds(), plural(args[0])):
				return r.namesOf(plural(args[0])), cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		},
	}
	c.Flags().SortFlags = false
	c.Flags().BoolVarP(&list, "list", "l", false, "only names, with their kinds")
	c.Flags().StringVar(&output, "output", "text", "`FORM` of what is shown: text or json")
	return c
}

// reference writes pages from what describes the language: struct tags, the
// table of keywords, the library of functions.
type reference struct {
	w     io.Writer
	tasks []*modules.Task
}

// show is the page of what is asked for.
func (r *reference) show(args []string) error {
	if len(args) == 0 {
		fmt.Fprintln(r.w, "Modules:")
		r.modules()
		fmt.Fprintf(r.w, "\nmxplay doc NAME explains one, and any keyword, function, fact or variable.\nLists: mxplay doc %s | precedence.\n", strings.Join(docKinds(), " | "))
		return nil
	}
	if len(args) == 1 {
		switch args[0] {
		case "modules":
			r.modules()
			return nil
		case "keywords":
			r.keywords()
			return nil
		case "functions":
			r.functions()
			return nil
		case "facts":
			r.facts()
			return nil
		case "magic":
			r.magic()
			return nil
		case "precedence":
			r.precedence()
			return nil
		case "connection":
			fmt.Fprintln(r.w, "Variables that say how a host is reached; the inventory sets them:")
			r.variables(runner.ConnectionVariables())
			return nil
		}
	}
	kind, name, err := r.wanted(args)
	if err != nil {
		return err
	}
	found := 0
	page := func(is string, write func() bool) {
		if kind != "" && kind != is {
			return
		}
		var b strings.Builder
		was := r.w
		r.w = &b
		ok := write()
		r.w = was
		if !ok {
			return
		}
		if found > 0 {
			fmt.Fprintln(r.w)
		}
		fmt.Fprint(r.w, b.String())
		found++
	}
	page("modules", func() bool { return r.module(name) })
	page("keywords", func() bool { return r.keyword(name) })
	page("functions", func() bool { return r.function(name) })
	page("facts", func() bool { return r.fact(name) })
	page("magic", func() bool { return r.variable("magic variable", name, magicList()) })
	page("connection", func() bool { return r.variable("connection variable", name, runner.ConnectionVariables()) })
	if found > 0 {
		return nil
	}
	return r.unknown(kind, name)
}

// table writes rows with their first columns aligned; the last one is wrapped.
func (r *reference) table(indent string, rows [][2]string) {
	width := 0
	for _, row := range rows {
		if n := len(row[0]); n <= 30 {
			width = max(width, n)
		}
	}
	for _, row := range rows {
		lines := wrap(row[1], 80-len(indent)-width-2)
		head := fmt.Sprintf("%s%-*s", indent, width, row[0])
		if len(row[0]) > width && len(lines) > 0 {
			fmt.Fprintln(r.w, head)
			head = indent + strings.Repeat(" ", width)
		}
		if len(lines) == 0 {
			fmt.Fprintln(r.w, strings.TrimRight(head, " "))
		}
		for i, l := range lines {
			if i > 0 {
				head = indent + strings.Repeat(" ", width)
			}
			fmt.Fprintln(r.w, head+"  "+l)
		}
	}
}

// wrap breaks a text into lines of at most n characters.
func wrap(s string, n int) []string {
	n = max(n, 30)
	var lines []string
	line := ""
	for _, w := range strings.Fields(s) {
		if line != "" && len([]rune(line))+1+len([]rune(w)) > n {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += w
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

func (r *reference) modules() {
	var rows [][2]string
	for _, t := range r.tasks {
		rows = append(rows, [2]string{t.Name, firstLine(t.Doc)})
	}
	sort.Slice(rows, func(i, j int) bool { return rows[i][0] < rows[j][0] })
	r.table("  ", rows)
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}

func (r *reference) keywords() {
	for _, part := range []struct {
		title string
		is    func(*playbook.Keyword) bool
	}{
		{"Of plays only:", func(k *playbook.Keyword) bool { return k.On == playbook.OnPlay }},
		{"Of plays, blocks and tasks:", func(k *playbook.Keyword) bool { return k.On != playbook.OnPlay && k.On&playbook.OnPlay != 0 }},
		{"Of blocks and tasks:", func(k *playbook.Keyword) bool { return k.On&playbook.OnPlay == 0 }},
	} {
		var rows [][2]string
		for _, k := range playbook.AllKeywords() {
			if k.Refused == "" && part.is(k) {
				rows = append(rows, [2]string{k.Name, k.Doc})
			}
		}
		fmt.Fprintln(r.w, part.title)
		r.table("  ", rows)
		fmt.Fprintln(r.w)
	}
}

func (r *reference) keyword(name string) bool {
	for _, k := range playbook.AllKeywords() {
		if k.Name != name {
			continue
		}
		fmt.Fprintf(r.w, "keyword %s\n\n", k.Name)
		if k.Refused != "" {
			fmt.Fprintf(r.w, "  not in this language; instead: %s\n", k.Refused)
			return true
		}
		r.table("  ", [][2]string{{"", k.Doc}})
		fmt.Fprintln(r.w)
		rows := [][2]string{{"takes", string(k.Shape)}, {"stands on", strings.Join(k.On.Names(), ", ")}}
		if k.Inherit != playbook.Not {
			rows = append(rows, [2]string{"inherited", string(k.Inherit)})
		}
		r.table("  ", rows)
		return true
	}
	return false
}

func (r *reference) functions() {
	var rows [][2]string
	for _, f := range expr.Functions() {
		rows = append(rows, [2]string{f.Usage, firstLine(f.Doc)})
	}
	r.table("  ", rows)
}

func (r *reference) function(name string) bool {
	for _, f := range expr.Functions() {
		if f.Name != name {
			continue
		}
		fmt.Fprintf(r.w, "function %s -> %s\n\n", f.Usage, f.Result)
		r.table("  ", [][2]string{{"", f.Doc}})
		if f.Impure {
			fmt.Fprintln(r.w, "\n    Asked once for each host and use, never before a run.")
		}
		if len(f.Examples) > 0 {
			fmt.Fprintln(r.w, "\nExamples:")
		}
		for _, e := range f.Examples {
			fmt.Fprintf(r.w, "  %s\n    = %s\n", e[0], e[1])
		}
		return true
	}
	return false
}

func (r *reference) module(name string) bool {
	for _, t := range r.tasks {
		if t.Name != name {
			continue
		}
		fmt.Fprintf(r.w, "module %s (%s)\n\n", t.Name, kindText(t.Kind))
		for para := range strings.SplitSeq(strings.TrimSpace(t.Doc), "\n\n") {
			for _, l := range wrap(para, 78) {
				fmt.Fprintln(r.w, "  "+l)
			}
			fmt.Fprintln(r.w)
		}
		fmt.Fprintln(r.w, "Arguments:")
		r.fields("  ", t.Args, true)
		if t.Args.Free {
			fmt.Fprintln(r.w, "  any other name is taken too")
		}
		if t.Result != nil && len(t.Result.Names()) > 0 {
			fmt.Fprintln(r.w, "\nResult, beside changed, failed and the like:")
			r.fields("  ", t.Result, false)
		}
		if t.Example != "" {
			fmt.Fprintln(r.w, "\nExample:")
			for line := range strings.Lines(strings.Trim(t.Example, "\n") + "\n") {
				fmt.Fprint(r.w, strings.TrimRight("  "+line, " "))
			}
		}
		return true
	}
	return false
}

func kindText(k modules.Kind) string {
	switch k {
	case modules.State:
		return "describes a state"
	case modules.Act:
		return "does something"
	}
	return "needs no host"
}

func (r *reference) fields(indent string, s *modules.Spec, args bool) {
	var rows [][2]string
	for _, f := range s.Fields {
		if f.Private {
			continue
		}
		about := []string{typeText(f.Type)}
		if f.Required {
			about = append(about, "required")
		}
		if f.Default != "" {
			about = append(about, "default "+f.Default)
		}
		if len(f.Enum) > 0 {
			about = append(about, "one of "+strings.Join(f.Enum, ", "))
		}
		if len(f.Aliases) > 0 {
			about = append(about, "also "+strings.Join(f.Aliases, ", "))
		}
		if f.FreeForm && args {
			about = append(about, "the short form")
		}
		if f.Secret {
			about = append(about, "secret")
		}
		doc := strings.TrimSpace(f.Doc)
		if doc != "" {
			doc += " "
		}
		rows = append(rows, [2]string{f.Name, doc + "(" + strings.Join(about, "; ") + ")"})
		if in := inner(f.Type); in != nil {
			for _, g := range in.Fields {
				if !g.Private {
					rows = append(rows, [2]string{"  ." + g.Name, strings.TrimSpace(g.Doc + " (" + typeText(g.Type) + ")")})
				}
			}
		}
	}
	r.table(indent, rows)
}

// inner is the struct that a type holds, directly or in a list or map.
func inner(t modules.Type) *modules.Spec {
	for t.Struct == nil && t.Elem != nil {
		t = *t.Elem
	}
	return t.Struct
}

func typeText(t modules.Type) string {
	switch t.Kind {
	case modules.List:
		if t.Expr {
			return "expression, or list of them"
		}
		return "list of " + typeText(*t.Elem)
	case modules.Map:
		return "dict of " + typeText(*t.Elem)
	case modules.Struct:
		return "dict"
	case modules.ContentT:
		switch t.From {
		case "file":
			return "file on the controller"
		case "template":
			return "template on the controller"
		case "script":
			return "script on the controller, with arguments"
		case "archive":
			return "archive on the controller"
		}
		return t.From
	}
	if t.Expr {
		return "expression"
	}
	return string(t.Kind)
}

// magic lists the variables that the run sets.
func (r *reference) magic() {
	fmt.Fprintln(r.w, "Variables that the run itself sets, stronger than any other:")
	r.variables(magicList())
}

// magicList are the magic variables with their types in their docs.
func magicList() []runner.Variable {
	var out []runner.Variable
	for _, v := range runner.MagicVars() {
		out = append(out, runner.Variable{Name: v.Name, Doc: v.Doc + magicKind(v)})
	}
	return out
}

func magicKind(v runner.MagicVar) string {
	if v.Type.Kind == 0 {
		return ""
	}
	return " (" + v.Type.Kind.String() + ")"
}

// precedence lists the places that variables come from.
func (r *reference) precedence() {
	levels := expr.Levels()
	rows := make([][2]string, len(levels))
	for i, l := range levels {
		rows[i] = [2]string{l.Name, l.Doc}
	}
	fmt.Fprintln(r.w, "Places that set variables; each wins over those above it, whole values\nreplace each other:")
	r.table("  ", rows)
	fmt.Fprintln(r.w, "\nmxplay vars HOST NAME shows which of them set a variable.")
}

// facts lists the fields of modules.Facts.
func (r *reference) facts() {
	fmt.Fprintln(r.w, "Facts of a host, as ansible_NAME or ansible_facts.NAME:")
	var rows [][2]string
	for _, f := range factList() {
		rows = append(rows, [2]string{f.Name, f.Doc})
	}
	r.table("  ", rows)
}
