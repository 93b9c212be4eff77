package inventory

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mxplay/mxplay/runner/source"
)

// large are ranges that stand for more hosts than a fuzzer has time for.
var large = regexp.MustCompile(`[0-9]{3}|\[[^\n]*\[`)

// FuzzINI: a file is refused at a place in it, or what it says is printed in
// every form, and read again from that.
func FuzzINI(f *testing.F) {
	for _, s := range []string{"[web]\na b=c\n", "[a:children]\nb\n[b]\n", "[a:vars]\nx=[1, 'y']\n[a]\n", "w[01:03] x='y z' # c\n", "[a:children]\nb\n[b:children]\na\n", "h:22\n[fe80::1]:2\n",
		"a x=1.5 y=True z=None\n[g:vars]\nq={'a': (1, 2)}\n[g]\na\n", "[all:vars]\nansible_group_priority=3\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if large.MatchString(s) {
			return
		}
		inv := newInventory()
		if err := readINI(inv, source.NewFile("hosts", []byte(s)), "hosts"); err != nil {
			checkErrors(t, s, err)
			return
		}
		checkInventory(t, inv, s)
	})
}

func FuzzYAMLInventory(f *testing.F) {
	for _, s := range []string{"all:\n  hosts:\n    a: {x: 1}\n    w[1:3]:\n  children:\n    g:\n      hosts: {a: }\n      vars: {y: [1, {z: null}]}\n", "g: {children: {h: {children: {g: }}}}\n", "{hosts: }", "a:\n  hosts: b\n",
		"ungrouped: {hosts: {fe80::1: {ansible_port: 22}}}\nall: {vars: {q: !unsafe '{{ x }}'}}\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if large.MatchString(s) {
			return
		}
		file := source.NewFile("hosts.yml", []byte(s))
		inv := newInventory()
		root, err := file.One()
		if err == nil {
			err = readYAML(inv, root, "hosts.yml")
		}
		if err != nil {
			checkErrors(t, s, err)
			return
		}
		checkInventory(t, inv, s)
	})
}

func FuzzScript(f *testing.F) {
	for _, s := range []string{`{"g": ["a", "b"], "_meta": {"hostvars": {"a": {"x": 1}}}}`, `{"g": {"hosts": ["a"], "children": ["h"], "vars": {"y": [1.5, null]}}, "h": {"children": ["g"]}}`, `{"a": {"x": "{{ 1 }}"}}`,
		`{"all": {"children": ["ungrouped", "g"]}, "ungrouped": {"hosts": ["z"]}}`, `[1]`, `{"_meta": {}}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		inv, err := answered(s)
		if err != nil {
			checkErrors(t, s, err)
			return
		}
		checkInventory(t, inv, s)
	})
}

// answered is the inventory that a program describes which says this to --list.
func answered(list string) (*Inventory, error) {
	inv := newInventory()
	s := &script{inv: inv, path: "p", src: "p", at: map[*Host]bool{}}
	s.call = func(args ...string) (*source.Node, error) {
		if len(args) > 1 {
			list = `{"ansible_port": 22}`
		}
		n, err := source.NewFile("p", []byte(list)).JSON()
		if err == nil {
			unsafe(n)
		}
		return n, err
	}
	if err := s.read(); err != nil {
		return nil, err
	}
	return inv, nil
}

// checkErrors holds that each mistake has words, and a place inside the text.
func checkErrors(t *testing.T, text string, err error) {
	t.Helper()
	var es source.Errors
	es.Add(source.Pos{}, err)
	lines := strings.Count(text, "\n") + strings.Count(text, "\r") + 2 + 3*strings.Count(text, "\u0085") + strings.Count(text, "\u2028") + strings.Count(text, "\u2029")
	for _, e := range es {
		if e.Msg == "" || e.Pos.Line > lines || e.Pos.Line < 0 {
			t.Errorf("%q: %+v is no mistake in it", text, e)
		}
	}
}

// checkInventory holds what is true of every inventory.
func checkInventory(t *testing.T, inv *Inventory, text string) {
	t.Helper()
	inv.finish()
	members := map[*Group]map[*Host]bool{}
	for _, g := range inv.Groups {
		members[g] = map[*Host]bool{}
		for _, h := range g.AllHosts() {
			members[g][h] = true
		}
	}
	all := members[inv.Group("all")]
	for _, h := range inv.Hosts {
		if h.Name == "" || inv.hosts[h.Name] != h || !all[h] {
			t.Fatalf("%q: host %q is not in all", text, h.Name)
		}
		if names := h.GroupNames(); slices.Contains(names, "all") || len(names) == 0 && h.In(inv.Group("ungrouped")) {
			t.Fatalf("%q: host %q is in %q", text, h.Name, names)
		}
		for _, g := range inv.Groups {
			if h.In(g) != members[g][h] {
				t.Fatalf("%q: host %q and group %q do not agree", text, h.Name, g.Name)
			}
		}
	}
	list, err := ListJSON(inv, View{})
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	if _, err := Graph(inv, View{ShowVars: true}); err != nil {
		t.Errorf("%q: %v", text, err)
	}
	if _, err := ListYAML(inv, View{}); err != nil {
		t.Errorf("%q: %v", text, err)
	}
	again, err := answered(string(list))
	if err != nil {
		t.Fatalf("%q: what is listed is refused: %v\n%s", text, err, list)
	}
	again.finish()
	if l, err := ListJSON(again, View{}); err != nil || !bytes.Equal(l, list) {
		t.Errorf("%q: what is listed is read as another inventory: %v\n%s\n%s", text, err, list, l)
	}
}

// FuzzMatch: the hosts of a pattern are hosts, each once; a limit takes some
// away, & keeps and ! drops the same.
func FuzzMatch(f *testing.F) {
	for _, s := range []string{"all", "web:&db:!a", "~w.", "web[0:1]", "w[!a]*", "a,b", "fe80::1", "[", "!", "web[-1]", "?", "!~[ab]", "all,!web[1:]", "localhost"} {
		f.Add(s, "")
		f.Add("all", s)
	}
	inv := newInventory()
	if err := readINI(inv, source.NewFile("hosts", []byte("[web]\na\nb\nw[1:9]\n[db]\nb\nc\nfe80::1\n[db.x:children]\nweb\n[0]\nc-c\n")), "hosts"); err != nil {
		f.Fatal(err)
	}
	inv.finish()
	f.Fuzz(func(t *testing.T, s, limit string) {
		if strings.Contains(limit, "@") {
			return // would be a file
		}
		match := func(pattern, limit string) []*Host {
			hosts, warns, err := inv.Match(pattern, limit)
			if err != nil && (err.Error() == "" || hosts != nil) {
				t.Errorf("%q: %v and %d hosts", pattern, err, len(hosts))
			}
			for _, w := range warns {
				if w.Msg == "" {
					t.Errorf("%q: a warning without words", pattern)
				}
			}
			seen := map[*Host]bool{}
			for _, h := range hosts {
				if seen[h] || !slices.Contains(inv.Hosts, h) && !isLocal(h.Name) {
					t.Errorf("%q: %s is no host, or stands twice", pattern, h.Name)
				}
				seen[h] = true
			}
			return hosts
		}
		hosts := match(s, "")
		some := match(s, limit)
		if i := 0; len(some) > 0 {
			for _, h := range hosts {
				if i < len(some) && some[i] == h {
					i++
				}
			}
			if i < len(some) {
				t.Errorf("%q limited to %q has others, or in another order", s, limit)
			}
		}
		if one := splitPattern(s); len(one) != 1 || one[0] != s || strings.ContainsAny(s, ",:&!") {
			return
		}
		if again := match(s+",&"+s, ""); !slices.Equal(again, hosts) {
			t.Errorf("%q and itself: %d hosts, not %d", s, len(again), len(hosts))
		}
		rest := match("all,!"+s, "")
		if none := match(s+",!"+s, ""); len(none) > 0 {
			t.Errorf("%q without itself: %d hosts", s, len(none))
		}
		if _, _, err := inv.Match(s, ""); err == nil && len(rest)+len(keep(hosts, inv.Hosts, true)) != len(inv.Hosts) {
			t.Errorf("%q and the others are %d and %d of %d hosts", s, len(hosts), len(rest), len(inv.Hosts))
		}
	})
}

// FuzzRange: a name with ranges stands for different names without any, in
// bounds, and an address is taken apart and put together again.
func FuzzRange(f *testing.F) {
	for _, s := range []string{"w[1:3]", "w[01:10:3].x[a:c]", "[fe80::1]:22", "h:65535", "h:65536", "[a:Z]", "10.0.0.[1:254]", "x[1:2", "x[:3]", "x[3:1]", "[1:999999999999]", "fe80::[a:f]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		names, port, err := expandHost(s)
		if err != nil {
			if err.Error() == "" || names != nil {
				t.Errorf("%q: %q and %d names", s, err, len(names))
			}
			return
		}
		if len(names) == 0 || len(names) > maxHosts || port < 0 || port > 65535 {
			t.Fatalf("%q is %d names and port %d", s, len(names), port)
		}
		if len(names) == 1 || len(names) > 1000 || strings.Contains(s, "]]") {
			return
		}
		for _, n := range names {
			if strings.ContainsRune(n, '[') {
				t.Errorf("%q: %q has a range still", s, n)
			}
		}
	})
}
