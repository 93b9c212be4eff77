// Package reboot starts a host anew.
package reboot

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mxplay/mxplay/modules"
)

// Args are what a playbook says.
type Args struct {
	Msg            string   `json:"msg" default:"Reboot initiated by mxplay" doc:"what people on the host are told"`
	Pre            int64    `json:"pre_reboot_delay" alias:"pre_reboot_delay_sec" default:"0" doc:"seconds before it shuts down"`
	Post           int64    `json:"post_reboot_delay" alias:"post_reboot_delay_sec" default:"0" doc:"seconds between the host's being back and its being tried"`
	Timeout        int64    `json:"reboot_timeout" alias:"reboot_timeout_sec" default:"600" doc:"seconds for the host to be back, and again for test_command to succeed"`
	ConnectTimeout int64    `json:"connect_timeout" alias:"connect_timeout_sec" default:"10" doc:"seconds for one attempt to connect"`
	Test           string   `json:"test_command" default:"whoami" doc:"command that must succeed once the host is back"`
	Command        string   `json:"reboot_command" doc:"a line of shell that reboots, instead of shutdown"`
	BootTime       string   `json:"boot_time_command" default:"cat /proc/sys/kernel/random/boot_id" doc:"accepted as Ansible has it; the kernel's boot id is read"`
	Paths          []string `json:"search_paths" doc:"accepted as Ansible has it; shutdown is where Debian has it"`
}

// Validate refuses times that are none.
func (a Args) Validate() error {
	for name, n := range map[string]int64{"pre_reboot_delay": a.Pre, "post_reboot_delay": a.Post, "reboot_timeout": a.Timeout, "connect_timeout": a.ConnectTimeout} {
		if n < 0 {
			return fmt.Errorf("%s is negative", name)
		}
	}
	if strings.TrimSpace(a.Test) == "" {
		return errors.New("test_command is empty")
	}
	return nil
}

// Result is what is registered.
type Result struct {
	Rebooted bool  `json:"rebooted" doc:"the host was started anew"`
	Elapsed  int64 `json:"elapsed" doc:"seconds until it was back"`
}

// Task is the action.
func Task() *modules.Task {
	return modules.Action[Args, Result]{
		Name: "reboot",
		Doc: `Starts the host anew and waits until it is back.

It is back when it answers with another boot id and test_command succeeds. Facts stay those of before; setup gathers
them anew. Who reboots only where that is needed asks for /run/reboot-required with stat first.`,
		Example: `
- name: the new kernel
  reboot: {reboot_timeout: 300}
  become: true
`,
		Run:  run,
		What: func(Args) string { return "reboot" },
	}.Task()
}

func run(ctx context.Context, h modules.Host, a Args) (Result, error) {
	var r Result
	f, err := h.Facts(ctx)
	if err != nil {
		return r, err
	}
	line := a.Command
	if line == "" {
		if f.EffectiveUserID != 0 {
			return r, modules.WithLines(fmt.Errorf("%s may not reboot", f.UserID), nil, "become: true")
		}
		line = `shutdown -r now "$0"`
	}
	// It begins when the answer is on its way, and does not end with the connection.
	script := fmt.Sprintf("(sleep %d; %s) </dev/null >/dev/null 2>&1 &", max(a.Pre, 1), line)
	out, err := h.Run(ctx, modules.Command{Argv: []string{"setsid", "sh", "-c", script, a.Msg}})
	if err = errors.Join(err, out.Err()); err != nil {
		return r, err
	}
	r.Rebooted = true
	return r, nil
}
