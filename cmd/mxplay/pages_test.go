package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/builtin"
	"github.com/mxplay/mxplay/runner"
	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/playbook"
)

// TestPages holds the reference pages to what they are made from: the struct
// tags of modules, the table of keywords, the library of functions. UPDATE=1
// (make docs) writes them.
func TestPages(t *testing.T) {
	for file, write := range map[string]func(*bytes.Buffer){
		"modules/README.md":         modulesPage,
		"runner/playbook/README.md": keywordsPage,
		"runner/expr/README.md":     functionsPage,
		"runner/README.md":          variablesPage,
	} {
		t.Run(file, func(t *testing.T) {
			var b bytes.Buffer
			write(&b)
			path := filepath.Join(root, filepath.FromSlash(file))
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, b.Bytes()) {
				t.Errorf("%s is not what the sources say (%v): make docs", file, err)
			}
		})
	}
}

const made = "<!-- written by make docs: change the sources instead -->\n\n"

func modulesPage(b *bytes.Buffer) {
	tasks := slices.SortedFunc(slices.Values(builtin.Tasks()), func(x, y *modules.Task) int { return strings.Compare(x.Name, y.Name) })
	b.WriteString("# Modules\n\n" + made)
	b.WriteString(`What a task can be. A module that describes a state looks first and changes only what differs; after its steps it looks
again, and a task that would still change something fails. One that does something acts whenever it is reached, unless an
argument such as ` + "`creates`" + ` says that there is no need. One that needs no host works on the controller.

The same text: ` + "`mxplay doc NAME`" + `. Every module also gives ` + "`changed`, `failed`, `skipped` and `msg`" + ` to a register.

| module | | |
|---|---|---|
`)
	for _, t := range tasks {
		fmt.Fprintf(b, "| [%s](#%s) | %s | %s |\n", t.Name, t.Name, kindText(t.Kind), cell(firstLine(t.Doc)))
	}
	b.WriteString("\nFacts of a host stand [at the end](#facts).\n")
	for _, t := range tasks {
		fmt.Fprintf(b, "\n## %s\n\n%s\n", t.Name, strings.TrimSpace(t.Doc))
		fieldsPage(b, "argument", t.Args)
		if t.Args.Free {
			b.WriteString("\nAny other name is taken too.\n")
		}
		if t.Result != nil && len(t.Result.Names()) > 0 {
			fieldsPage(b, "result", t.Result)
		}
		if t.Example != "" {
			fmt.Fprintf(b, "\n```yaml\n%s\n```\n", strings.Trim(t.Example, "\n"))
		}
	}
	b.WriteString("\n## facts\n\nWhat mxplay knows of a host before its first task. Only facts that a playbook reads are gathered.\n\n```\n")
	(&reference{w: b}).facts()
	b.WriteString("```\n")
}

func fieldsPage(b *bytes.Buffer, what string, s *modules.Spec) {
	fmt.Fprintf(b, "\n| %s | type | |\n|---|---|---|\n", what)
	var rows func(prefix string, s *modules.Spec)
	rows = func(prefix string, s *modules.Spec) {
		for _, f := range s.Fields {
			if f.Private {
				continue
			}
			about := typeText(f.Type)
			if f.Required {
				about += ", required"
			}
			doc := f.Doc
			if len(f.Enum) > 0 {
				doc += "; one of `" + strings.Join(f.Enum, "`, `") + "`"
			}
			if f.Default != "" {
				doc += "; default `" + f.Default + "`"
			}
			if len(f.Aliases) > 0 {
				doc += "; also called `" + strings.Join(f.Aliases, "`, `") + "`"
			}
			if f.FreeForm && what == "argument" {
				doc += "; the short form's text"
			}
			if f.Secret {
				doc += "; never shown"
			}
			fmt.Fprintf(b, "| `%s%s` | %s | %s |\n", prefix, f.Name, about, cell(strings.TrimPrefix(doc, "; ")))
			if in := inner(f.Type); in != nil {
				rows(prefix+f.Name+".", in)
			}
		}
	}
	rows("", s)
}

// cell makes a text fit a table's cell.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", `\<`, "*", `\*`, "_", `\_`).Replace(s)
}

func keywordsPage(b *bytes.Buffer) {
	b.WriteString("# Keywords\n\n" + made + "The words of plays, blocks and tasks; `mxplay doc keyword NAME` says the same. A word that Ansible has means the same\nhere; what Ansible lets pass as a mistake is refused.\n")
	b.WriteString("\n| keyword | of | takes | inherited | |\n|---|---|---|---|---|\n")
	var refused []*playbook.Keyword
	for _, k := range playbook.AllKeywords() {
		if k.Refused != "" {
			refused = append(refused, k)
			continue
		}
		inherited := ""
		if k.Inherit != playbook.Not {
			inherited = string(k.Inherit)
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", k.Name, strings.Join(k.On.Names(), ", "), k.Shape, inherited, cell(k.Doc))
	}
	b.WriteString("\nNot in this language:\n\n| keyword | instead |\n|---|---|\n")
	for _, k := range refused {
		fmt.Fprintf(b, "| `%s` | %s |\n", k.Name, cell(k.Refused))
	}
}

func variablesPage(b *bytes.Buffer) {
	b.WriteString("# Variables\n\n" + made + "Where variables come from, which place wins, and what the run and the hosts set themselves. `mxplay vars HOST NAME -i hosts\nsite.yml` shows every place that sets a variable and the one that wins; `mxplay doc precedence`, `doc magic` and `doc facts`\nsay what stands here.\n")
	b.WriteString("\n## Precedence\n\nEach place wins over those above it: Ansible's order. Whole values replace each other, dicts are not merged (`combine` does that).\n\n| | place | |\n|---|---|---|\n")
	for i, l := range expr.Levels() {
		fmt.Fprintf(b, "| %d | %s | %s |\n", i+1, l.Name, cell(l.Doc))
	}
	b.WriteString("\nA variable's templates are filled in when it is read, once for a host, and again when something that it reads has changed.\n")
	b.WriteString("\n## Magic variables\n\n| variable | type | |\n|---|---|---|\n")
	for _, v := range runner.MagicVars() {
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", v.Name, strings.Trim(magicKind(v), " ()"), cell(v.Doc))
	}
	b.WriteString("\n## Facts\n\nOf a host, as `ansible_facts.NAME` and `ansible_NAME`, from its first connection on.\n\n| fact | type | |\n|---|---|---|\n")
	for _, f := range modules.SpecOf[modules.Facts]().Fields {
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", f.Name, typeText(f.Type), cell(f.Doc))
		if in := inner(f.Type); in != nil {
			for _, g := range in.Fields {
				fmt.Fprintf(b, "| `%s.%s` | %s | %s |\n", f.Name, g.Name, typeText(g.Type), cell(g.Doc))
			}
		}
	}
}

func functionsPage(b *bytes.Buffer) {
	b.WriteString("# Functions\n\n" + made + "Of expressions, `x | f(y)` being `f(x, y)`; `mxplay doc function NAME` says the same. One that bears the name of an\n" +
		"Ansible filter has its arguments, their order and its results.\n\n| function | gives | |\n|---|---|---|\n")
	for _, f := range expr.Functions() {
		doc := cell(f.Doc)
		if f.Impure {
			doc += " Asked once for each host and use, never before a run."
		}
		for _, e := range f.Examples {
			doc += fmt.Sprintf("<br>`%s` is `%s`", strings.ReplaceAll(e[0], "|", `\|`), strings.ReplaceAll(e[1], "|", `\|`))
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", strings.ReplaceAll(f.Usage, "|", `\|`), f.Result, doc)
	}
}
