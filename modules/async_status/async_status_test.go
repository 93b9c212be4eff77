package asyncstatus

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/modtest"
)

func Test(t *testing.T) { modtest.Run(t, Task()) }

// What the job's module registers stands beside finished; its failure is the task's.
func TestStatus(t *testing.T) {
	h := modtest.New()
	h.Jobs["jruns"] = &modules.AsyncJob{}
	h.Jobs["jdone"] = &modules.AsyncJob{Finished: true, Outcome: modules.Outcome{Changed: true, Result: json.RawMessage(`{"rc":0,"stdout":"x"}`)}}
	h.Jobs["jfail"] = &modules.AsyncJob{Finished: true, Outcome: modules.Outcome{Failed: true, Changed: true, Msg: "exit status 3", Lines: []string{"no"}, Result: json.RawMessage(`{"rc":3}`)}}
	for _, c := range []struct {
		jid, mode, result, msg string
		changed                bool
	}{
		{"jruns", "status", `"finished":false "stdout":"" "started":true`, "", false},
		{"jdone", "status", `"finished":true "stdout":"x" "rc":0`, "", true},
		{"jfail", "status", `"finished":true "rc":3`, "exit status 3", true},
		{"jdone", "cleanup", `"erased":"jdone"`, "", true},
		{"jdone", "status", `"started":false`, "there is no job jdone of this account on the host", false},
	} {
		raw, _ := json.Marshal(Args{JID: c.jid, Mode: c.mode})
		o := Task().Run(context.Background(), h, modules.Input{Args: raw})
		if o.Msg != c.msg || o.Failed != (c.msg != "") || o.Changed != c.changed {
			t.Errorf("%s %s: %+v", c.mode, c.jid, o)
		}
		for _, part := range strings.Fields(c.result) {
			if !strings.Contains(string(o.Result), part) {
				t.Errorf("%s %s: %s is not in %s", c.mode, c.jid, part, o.Result)
			}
		}
	}
	raw, _ := json.Marshal(Args{JID: "jfail", Mode: "cleanup"})
	if o := Task().Run(context.Background(), h, modules.Input{Args: raw, Plan: true}); o.Maybe == "" || h.Jobs["jfail"] == nil {
		t.Errorf("check mode: %+v", o)
	}
}
