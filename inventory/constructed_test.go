package inventory

import (
	"testing"

	"github.com/mxplay/mxplay/runner/expr"
	"github.com/mxplay/mxplay/runner/source"
)

// What is wrong in a constructed source is refused, or said, with its place.
func TestConstructedErrors(t *testing.T) {
	for _, tt := range []struct{ name, plugin, want, warnings string }{
		{"plugin", "plugin: construct\n", "c.yml:1:9: the inventory plugin construct is not known | did you mean constructed?", ""},
		{"option", "plugin: constructed\nkeyed_group: []\n", "c.yml:2:1: constructed has no option keyed_group | did you mean keyed_groups?", ""},
		{"key option", "plugin: constructed\nkeyed_groups:\n  - key: x\n    seperator: ''\n", "c.yml:4:5: an entry of keyed_groups has no seperator | did you mean separator?", ""},
		{"no key", "plugin: constructed\nkeyed_groups:\n  - prefix: x\n", "c.yml:3:5: the entry has no key | key: an expression whose value names the group", ""},
		{"both", "plugin: constructed\nkeyed_groups:\n  - {key: x, default_value: a, trailing_separator: false}\n", "c.yml:3:5: default_value and trailing_separator exclude each other", ""},
		{"Jinja test", "plugin: constructed\ngroups:\n  g: x is defined\n", "c.yml:3:8: \"is defined\" has no meaning here | write \"defined(x)\"", ""},
		{"Jinja filter", "plugin: constructed\ncompose:\n  g: x | upper\n", "c.yml:3:10: upper after | needs its brackets | write \"x | upper()\"", ""},
		{"braces", "plugin: constructed\ncompose:\n  g: '{{ x }}'\n", "c.yml:3:6: an expression stands here without {{ }}", ""},
		{"a number", "plugin: constructed\ncompose:\n  g: 5\n", "c.yml:3:6: this is an expression, in a text, not a int | \"5\"", ""},
		{"a name", "plugin: constructed\ncompose:\n  a-b: x\n", "c.yml:3:3: \"a-b\" is no name for a variable", ""},
		{"strict", "plugin: constructed\nstrict: yes\ncompose:\n  y: nope\n", "c.yml:4:6: the variable y of host a: nope is undefined", ""},
		{"strict key", "plugin: constructed\nstrict: yes\nkeyed_groups:\n  - key: empty\n", "c.yml:4:10: the key of host a is empty | default_value names a group for such hosts", ""},
		{"number as key", "plugin: constructed\nkeyed_groups:\n  - key: n\n", "c.yml:3:10: the key of host a is the int 5, not a text, list or map | string(n)", ""},
		{"circle", "plugin: constructed\nkeyed_groups:\n  - {key: x, separator: '', parent_group: '{{ x }}'}\n", "c.yml:3:5: group text cannot be its own child", ""},
		{"undefined", "plugin: constructed\ncompose:\n  y: nope\ngroups:\n  g: nope.more\n", "", ""},
		{"no truth", "plugin: constructed\ngroups:\n  g: n\n", "", "c.yml:3:6: whether host a is in group g is true or false, not the int 5 | bool(n)"},
		{"no sum", "plugin: constructed\ncompose:\n  g: n + x\n", "", "c.yml:3:8: the variable g of host a: cannot add an int (5) and a string (\"text\") | write string(…) around the number, or int(…) around the string"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files(t, "-- hosts --\na x=text n=5 empty=\n-- c.yml --\n"+tt.plugin)
			inv, err := Load([]string{"hosts", "c.yml"}, Options{})
			if got := messages(err); got != tt.want {
				t.Errorf("\ngot  %s\nwant %s", got, tt.want)
			}
			if err == nil && messages(inv.Warnings.Err()) != tt.warnings {
				t.Errorf("\nwarns %s\nwant  %s", messages(inv.Warnings.Err()), tt.warnings)
			}
		})
	}
}

// The command line's variables are seen where the source asks for them.
func TestConstructedExtra(t *testing.T) {
	extra := &expr.Layer{Level: expr.ExtraVars, Vars: map[string]*expr.Def{"x": expr.NodeDef(source.FromValue("cli", source.Pos{}), nil)}}
	for use, want := range map[string]string{"true": "cli", "false": "own"} {
		files(t, "-- hosts --\na x=own\n-- c.yml --\nplugin: constructed\nuse_extra_vars: "+use+"\ncompose: {y: x}\n")
		inv, err := Load([]string{"hosts", "c.yml"}, Options{Extra: extra})
		if err != nil {
			t.Fatal(err)
		}
		if got := inv.Host("a").Vars["y"].Plain(); got != want {
			t.Errorf("use_extra_vars %s: %v, want %v", use, got, want)
		}
	}
}

func TestSafeGroupName(t *testing.T) {
	for name, want := range map[string]string{"a-b.c d": "a_b_c_d", "1up": "_up", "²x": "²x", "ümlaut": "ümlaut", "é1": "é1", "": "", "-": "_", "日本": "日本"} {
		if got := safeGroupName(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
