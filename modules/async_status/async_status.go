// Package asyncstatus looks at tasks that were started with async.
package asyncstatus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mxplay/mxplay/modules"
)

// Args are what a playbook says.
type Args struct {
	JID  string `json:"jid" required:"true" doc:"the job: ansible_job_id of what the task with async registered"`
	Mode string `json:"mode" default:"status" enum:"status,cleanup" doc:"cleanup: remove what the host keeps of it"`
}

// Result is what is known of the job, and, when it has finished, all that its module registers.
type Result struct {
	ID          string   `json:"ansible_job_id" doc:"the job"`
	Started     bool     `json:"started" doc:"it was started"`
	Finished    bool     `json:"finished" doc:"it has ended; what its module registers stands beside this"`
	Erased      string   `json:"erased" doc:"with cleanup: the job that was removed"`
	Stdout      string   `json:"stdout" doc:"of a command: what it wrote; empty before the end"`
	StdoutLines []string `json:"stdout_lines" doc:"the same by lines"`
	Stderr      string   `json:"stderr" doc:"of a command: what it wrote to stderr"`
	StderrLines []string `json:"stderr_lines" doc:"the same by lines"`
	Rest        struct{} `json:"-" free:"true"`

	outcome modules.Outcome
}

// Changed tells whether the job changed something, or was removed.
func (r Result) Changed() bool { return r.Erased != "" || r.outcome.Changed }

// MarshalJSON puts what the job's module registers beside what is known of the job.
func (r Result) MarshalJSON() ([]byte, error) {
	type plain Result
	if r.StdoutLines == nil {
		r.StdoutLines = []string{}
	}
	if r.StderrLines == nil {
		r.StderrLines = []string{}
	}
	b, err := json.Marshal(plain(r))
	if err != nil || len(r.outcome.Result) == 0 {
		return b, err
	}
	var own, of map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(b, &own), json.Unmarshal(r.outcome.Result, &of)); err != nil {
		return nil, err
	}
	for k, v := range of {
		own[k] = v
	}
	return json.Marshal(own)
}

// Task is the module.
func Task() *modules.Task {
	return modules.Action[Args, Result]{
		Name: "async_status",
		Doc: `Tells how a task goes that was started with async.

It fails when the task has failed, and is changed when that changed something. The job is looked for among those of
the account that the task worked as: become and become_user must be the same. A host keeps results for a week, root's
until it boots.`,
		Example: `
- name: the rebuild that a task with async, poll 0 and register rebuild began has ended
  async_status:
    jid: "{{ rebuild.ansible_job_id }}"
  become_user: postgres
  register: job
  until: job.finished
  retries: 240
  delay: 30
`,
		Run:   run,
		What:  func(a Args) string { return a.Mode + " of job " + a.JID },
		Waits: true,
	}.Task()
}

func run(ctx context.Context, h modules.Host, a Args) (Result, error) {
	r := Result{ID: a.JID, Started: true}
	j, err := h.AsyncJob(ctx, a.JID)
	if err != nil {
		r.Started = false
		if errors.Is(err, modules.ErrNotExist) {
			err = modules.WithLines(fmt.Errorf("there is no job %s of this account on the host", a.JID), nil,
				"it is looked for among those of the account that the task with async worked as; a host keeps them for a week, root's until it boots")
		}
		return r, err
	}
	if a.Mode == "cleanup" {
		r.Erased, r.Finished = a.JID, j.Finished
		return r, h.ForgetAsync(ctx, a.JID)
	}
	r.Finished, r.outcome = j.Finished, j.Outcome
	if j.Outcome.Failed {
		return r, modules.WithLines(errors.New(j.Outcome.Msg), j.Outcome.Lines, j.Outcome.Hint)
	}
	return r, nil
}
