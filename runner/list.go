package runner

import (
	"fmt"
	"io"
	"sort"
	"strings"
)

// List prints the plays with their hosts, tasks or tags, as ansible-playbook
// prints them for --list-hosts, --list-tasks and --list-tags.
func (p *Program) List(w io.Writer, hosts, tasks, tags bool) error {
	book := ""
	n := 0
	for _, pl := range p.plays {
		if f := pl.book; f != book {
			book = f
			n = 0
			fmt.Fprintf(w, "\nplaybook: %s\n", book)
		}
		n++
		p.listPlay(w, n, pl, hosts, tasks, tags)
	}
	return nil
}

func (p *Program) listPlay(w io.Writer, n int, pl *play, hosts, tasks, tags bool) {
	name := p.title(pl)
	var own []string
	c := newCompiler(p)
	for _, t := range pl.src.Tags {
		own = append(own, c.tagNames(t)...)
	}
	fmt.Fprintf(w, "\n  play #%d (%s): %s\tTAGS: [%s]\n", n, pl.on, name, strings.Join(uniq(own), ","))
	if hosts {
		fmt.Fprintf(w, "    pattern: %s\n    hosts (%d):\n", pyList(pl.patterns), len(pl.hosts))
		for _, h := range pl.hosts {
			fmt.Fprintf(w, "      %s\n", h.Name)
		}
	}
	if !tasks && !tags {
		return
	}
	if tasks {
		fmt.Fprintln(w, "    tasks:")
	}
	all := append([]string(nil), own...)
	var walk func([]*task)
	walk = func(ts []*task) {
		for _, t := range ts {
			if t.block {
				walk(t.body)
				continue
			}
			if t.ends || t.spec != nil {
				continue
			}
			if !p.selected(t.tags) {
				continue
			}
			all = append(all, t.tags...)
			if tasks {
				fmt.Fprintf(w, "      %s\tTAGS: [%s]\n", listName(t), strings.Join(uniq(append(t.tags[:len(t.tags):len(t.tags)], own...)), ", "))
			}
		}
	}
	for _, ts := range [][]*task{pl.pre, pl.main, pl.post} {
		walk(ts)
	}
	if tags {
		fmt.Fprintf(w, "      TASK TAGS: [%s]\n", strings.Join(uniq(all), ", "))
	}
}

// listName is a task's name as it was written, with its role; one without a
// name is called by the word that says what it does, as that was written.
func listName(t *task) string {
	name := ""
	if t.src.Name != nil {
		name = t.src.Name.Raw
	}
	switch {
	case name == "":
		return t.src.ModuleAs
	case roleName(t) != "":
		return roleName(t) + " : " + name
	}
	return name
}

func pyList(ss []string) string {
	var out []string
	for _, s := range ss {
		q := "'"
		if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
			q = `"`
		}
		out = append(out, q+s+q)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func uniq(ss []string) []string {
	out := append([]string(nil), ss...)
	sort.Strings(out)
	n := 0
	for i, s := range out {
		if i == 0 || s != out[i-1] {
			out[n] = s
			n++
		}
	}
	return out[:n]
}

// Tags are all tags of the program's tasks, sorted.
func (p *Program) Tags() []string {
	var all []string
	p.eachTask(func(t *task) { all = append(all, t.tags...) })
	return uniq(all)
}

// TaskNames are the names of the program's tasks, in order.
func (p *Program) TaskNames() []string {
	var all []string
	p.eachTask(func(t *task) {
		if t.label != "" {
			all = append(all, t.label)
		}
	})
	return all
}

// eachTask calls f with every task of every play, blocks taken apart.
func (p *Program) eachTask(f func(*task)) {
	var walk func([]*task)
	walk = func(ts []*task) {
		for _, t := range ts {
			if !t.block && !t.ends && t.spec == nil {
				f(t)
			}
			walk(t.body)
			walk(t.rescue)
			walk(t.always)
		}
	}
	for _, pl := range p.plays {
		for _, ts := range [][]*task{pl.pre, pl.main, pl.post} {
			walk(ts)
		}
	}
}
