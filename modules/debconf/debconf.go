// Package debconf answers debconf's questions before a package asks them.
package debconf

import (
	"context"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/debconf"
)

// Args are what the playbook says.
type Args struct {
	Name     string `json:"name" required:"true" alias:"pkg" doc:"the package that asks"`
	Question string `json:"question" required:"true" alias:"selection,setting" doc:"the question, such as tzdata/Areas"`
	Type     string `json:"vtype" alias:"type" default:"string" enum:"string,boolean,select,multiselect,note,text,password,error,title" doc:"its type; the answer to a password is never shown"`
	Value    string `json:"value" alias:"answer" doc:"the answer"`
	Unseen   bool   `json:"unseen" default:"false" doc:"do not mark the question as answered, so that it is still asked"`
	Secret   bool   `json:"secret" default:"false" doc:"never show the answer, whatever the type"`
}

// Validate refuses what debconf cannot take.
func (a Args) Validate() error { return a.answer().Check() }

func (a Args) answer() debconf.Answer {
	return debconf.Answer{
		Owner: a.Name, Question: a.Question, Type: a.Type, Value: a.Value, Unseen: a.Unseen, Secret: a.Secret,
	}.Normal()
}

// State is what the host shows.
type State struct {
	Known  bool           `json:"known" doc:"debconf knows the question"`
	Seen   bool           `json:"seen" doc:"it is marked as answered"`
	Record debconf.Record `json:"-"`
}

// Task is the kind of task.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "debconf",
		Doc: "Answers a question of debconf before the package that asks it is installed or configured.\n\n" +
			"The databases are read as files, nothing is run to look. The answer goes through standard input, never through an argument.",
		Example: `- name: the name Synapse's package asks for
  debconf:
    name: matrix-synapse
    question: matrix-synapse/server-name
    vtype: string
    value: example.com
`,
		Check: check, Plan: plan,
	}.Task()
}

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	db, err := debconf.Look(ctx, r)
	if err != nil {
		return State{}, err
	}
	rec, known := db[a.Question]
	return State{Known: known, Seen: rec.Seen, Record: rec}, nil
}

func plan(a Args, s State) ([]modules.Step, error) {
	q := a.answer()
	if q.Done(s.Record, s.Known) {
		return nil, nil
	}
	return []modules.Step{q.Step(s.Record)}, nil
}
