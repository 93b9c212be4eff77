package modules_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/mxplay/mxplay/modules"
)

type common struct {
	Mode modules.Mode `json:"mode" default:"'0644'" doc:"permissions"`
}

type described struct {
	Name    string                     `json:"name" alias:"n,nick" required:"true" doc:"its name"`
	State   string                     `json:"state" default:"present" enum:"present,absent" doc:"what shall be"`
	Src     *modules.Content           `json:"src" from:"file" remote:"far" doc:"a file"`
	Far     bool                       `json:"far,omitempty" doc:"src is far"`
	Count   *int64                     `json:"count" doc:"a number"`
	Ratio   float64                    `json:"ratio" doc:"a fraction"`
	Dest    modules.FilePath           `json:"dest" doc:"a path"`
	That    []string                   `json:"that" expr:"true" doc:"conditions"`
	Env     map[string]string          `json:"env" doc:"texts"`
	Any     json.RawMessage            `json:"any" doc:"anything"`
	Parts   []part                     `json:"parts" doc:"structures"`
	Cmd     string                     `json:"cmd" freeform:"true" secret:"true" doc:"short form"`
	Draw    []byte                     `json:"draw" private:"true"`
	Unseen  string                     `json:"-"`
	Others  map[string]json.RawMessage `json:"-" free:"true"`
	private int
	common
}

type part struct {
	Role string `json:"role" required:"true" doc:"what it is"`
}

func TestSpecOf(t *testing.T) {
	_ = described{private: 0}
	s := modules.SpecOf[*described]()
	var got []string
	for _, f := range s.Fields {
		k := string(f.Type.Kind)
		for e := f.Type.Elem; e != nil; e = e.Elem {
			k += " of " + string(e.Kind)
		}
		got = append(got, f.Name+" "+k)
	}
	want := "name str, state str, src content, far bool, count int, ratio float, dest path, that list of str, env dict of str, any any, parts list of struct, cmd str, draw list of int, mode mode"
	if strings.Join(got, ", ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), want)
	}
	if !s.Free {
		t.Error("other keys are not taken")
	}
	n := s.Field("nick")
	if n == nil || n.Name != "name" || !n.Required || n.Doc != "its name" || !reflect.DeepEqual(n.Aliases, []string{"n", "nick"}) {
		t.Errorf("by alias: %+v", n)
	}
	if f := s.Field("state"); f.Default != "present" || len(f.Enum) != 2 {
		t.Errorf("state: %+v", f)
	}
	if f := s.Field("src"); f.Type.From != "file" || f.Type.Remote != "far" {
		t.Errorf("src: %+v", f)
	}
	if f := s.Field("cmd"); !f.FreeForm || !f.Secret || s.Field("that").Type.Expr != true {
		t.Errorf("cmd: %+v", f)
	}
	if f := s.Field("mode"); f.Default != "'0644'" {
		t.Errorf("mode: %+v", f)
	}
	if p := s.Field("parts").Type.Elem.Struct; p.Field("role") == nil || !p.Field("role").Required {
		t.Errorf("parts: %+v", p)
	}
	if s.Field("Unseen") != nil || s.Field("nothing") != nil {
		t.Error("fields that are not there")
	}
	if names := strings.Join(s.Names(), " "); strings.Contains(names, "draw") {
		t.Errorf("names that may be shown: %s", names)
	}
}

// A type that has no form in a playbook is found by the module's first test.
func TestSpecOfPanics(t *testing.T) {
	for want, f := range map[string]func() *modules.Spec{
		"is no struct":    modules.SpecOf[int],
		"has no json tag": modules.SpecOf[struct{ A int }],
		"has no from tag": modules.SpecOf[struct {
			C modules.Content `json:"c"`
		}],
		"has no form in a playbook": modules.SpecOf[struct {
			C chan int `json:"c"`
		}],
	} {
		func() {
			defer func() {
				if p := fmt.Sprint(recover()); !strings.Contains(p, want) {
					t.Errorf("got %q, want %q", p, want)
				}
			}()
			f()
		}()
	}
}
