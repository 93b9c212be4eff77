// Command demo boots a host in the lab, runs the shipped playbook against it
// over SSH, proves that the homeserver works and says where to look. Given
// again it finds the host and runs the playbook once more.
//
//	go run ./e2e/cmd/demo [-host NAME] [-mxplay bin/mxplay]
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/mxplay/mxplay/e2e/lab"
)

func main() {
	host := flag.String("host", "demo", "`NAME` of the host in the lab; its domain is NAME.test")
	mxplay := flag.String("mxplay", "bin/mxplay", "the `PROGRAM`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	d := &demo{host: *host, domain: *host + ".test", mxplay: *mxplay, began: time.Now()}
	err := d.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

type demo struct {
	host, domain, mxplay string
	began                time.Time
	lab                  *lab.Lab
	addr                 string
	rows                 [][2]string
}

func (d *demo) public() string { return "matrix." + d.domain }

func (d *demo) run(ctx context.Context) error {
	c, err := lab.FromEnv()
	if err != nil {
		return err
	}
	c.Group, c.Owner = lab.Main, 0 // the host stays when this program has ended
	c.Log = func(format string, args ...any) { fmt.Printf("lab: "+format+"\n", args...) }
	was := "a bare Debian host"
	if l, err := c.Attach(); err == nil && l.Host(d.host) != nil {
		was = "a host that was here before"
	}
	fmt.Printf("== %s: %s\n", was, d.host)
	d.lab, err = c.Up(ctx, lab.Spec{Name: d.host, Suite: "sid", Aliases: []string{d.domain, d.public()}})
	if err != nil {
		return err
	}
	d.addr = d.lab.Host(d.host).Addr
	booted := time.Since(d.began)

	inventory := filepath.Join(c.State, d.host+".hosts")
	if err := os.WriteFile(inventory, []byte(d.inventory()), 0o644); err != nil {
		return err
	}
	fmt.Printf("== %s\n\n%s\n", inventory, d.inventory())
	args := []string{"run", "playbooks/site.yml", "-i", inventory}
	fmt.Printf("== %s %s\n\n", d.mxplay, strings.Join(args, " "))
	started := time.Now()
	cmd := exec.CommandContext(ctx, d.mxplay, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the playbook: %w", err)
	}
	took := time.Since(started)
	fmt.Print("\n== does it work?\n\n")
	d.row(was, "%s (%s), sid, up after %s", d.host, d.addr, round(booted))
	d.row("the playbook", "ran over SSH in %s", round(took))
	failed := d.check(ctx)
	if failed == nil {
		failed = d.again(ctx, args)
	}
	d.table()
	if failed != nil {
		return failed
	}
	d.whereToLook(inventory)
	return nil
}

// inventory is what a person would write for a host of their own, and what
// the lab needs: its key, its names, its stand-in for packages.matrix.org.
func (d *demo) inventory() string {
	return fmt.Sprintf(`[homeserver]
%s ansible_user=root ansible_ssh_common_args="-F %s"

[homeserver:vars]
matrix_domain=%s
# the lab's own package repository instead of packages.matrix.org
synapse_repository_url=%s
synapse_repository_key_url=%s/matrix-org-archive-keyring.gpg
synapse_repository_fingerprint=%s
`, d.host, d.lab.SSHConfig, d.domain, d.lab.StandIn, d.lab.StandIn, d.lab.Fingerprint)
}

// again runs the playbook a second time: nothing may change.
func (d *demo) again(ctx context.Context, args []string) error {
	started := time.Now()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, d.mxplay, append(args, "--output", "json")...)
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the second run: %w\n%s", err, out.String())
	}
	ok := 0
	for line := range bytes.Lines(out.Bytes()) {
		var e struct{ Event, Status, Task string }
		if json.Unmarshal(line, &e) != nil || e.Event != "result" {
			continue
		}
		switch e.Status {
		case "ok", "skipped":
			ok++
		default:
			return fmt.Errorf("the second run: task %q is %s", e.Task, e.Status)
		}
	}
	if ok == 0 {
		return errors.New("the second run shows no task")
	}
	d.row("a second run", "0 changed, %d tasks looked at in %s", ok, round(time.Since(started)))
	return nil
}

func (d *demo) row(what, format string, args ...any) {
	d.rows = append(d.rows, [2]string{what, fmt.Sprintf(format, args...)})
}

func (d *demo) table() {
	width := 0
	for _, r := range d.rows {
		width = max(width, len(r[0]))
	}
	for _, r := range d.rows {
		fmt.Printf("  %-*s  %s\n", width, r[0], r[1])
	}
	d.rows = nil
}

func (d *demo) whereToLook(inventory string) {
	own := ""
	if d.host != "demo" {
		own = " " + d.host
	}
	stop := "make demo-down"
	if own != "" {
		stop = "go run ./e2e/cmd/lab down" + own
	}
	lab := "go run ./e2e/cmd/lab ssh " + d.host
	d.row("homeserver", "https://%s/ (self-signed: a browser asks; curl -k)", d.public())
	d.row("its names", "add to /etc/hosts: %s %s %s", d.addr, d.domain, d.public())
	d.row("administrator", "@admin:%s", d.domain)
	d.row("password", "%s cat /etc/mxplay/secrets/admin_password", lab)
	d.row("log in", "any Matrix client, homeserver %s; or:", d.domain)
	d.row("", `curl -k --resolve %s:443:%s https://%s/_matrix/client/v3/login -d '{"type":"m.login.password","identifier":{"type":"m.id.user","user":"admin"},"password":"PASSWORD"}'`, d.public(), d.addr, d.public())
	d.row("a shell there", "%s", lab)
	d.row("what would change", "%s run playbooks/site.yml -i %s -C -D", d.mxplay, inventory)
	d.row("the end of it", "%s", stop)
	fmt.Printf("\n== where to look (%s in all)\n\n", round(time.Since(d.began)))
	d.table()
}

func round(t time.Duration) time.Duration {
	if t > 10*time.Second {
		return t.Round(time.Second)
	}
	return t.Round(10 * time.Millisecond)
}
