//go:build lab

package agent

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mxplay/mxplay/runner/boot"
	"github.com/mxplay/mxplay/runner/wire"
)

// These tests drive a real agent on real hosts through OpenSSH's client:
//
//	MXPLAY_LAB_HOSTS="bookworm1 trixie1 sid1" MXPLAY_LAB_SSH=/run/mxplay-lab/ssh_config MXPLAY_AGENT=bin/agent go test -tags lab -run Lab ./runner/agent
//
// The hosts have root, admin (sudo with the password "lab-password") and ops (sudo without one).
func labHosts(t *testing.T) []string {
	hosts := strings.Fields(os.Getenv("MXPLAY_LAB_HOSTS"))
	if len(hosts) == 0 || os.Getenv("MXPLAY_AGENT") == "" {
		t.Fatal("needs MXPLAY_LAB_HOSTS, MXPLAY_LAB_SSH and MXPLAY_AGENT: make lab-test sets them")
	}
	return hosts
}

// dial starts the agent on a host as a user, installing it when it is asked for.
func dial(t *testing.T, user, host string, w wire.Welcome) *controller {
	t.Helper()
	bin, err := os.ReadFile(os.Getenv("MXPLAY_AGENT"))
	if err != nil {
		t.Fatal(err)
	}
	s := boot.Start{Binaries: []boot.Binary{{Arch: runtime.GOARCH, Hash: hashOf(bin), Size: int64(len(bin)), Sent: int64(len(bin))}}, Args: []string{"serve"}, Plain: true}
	line, err := s.Command()
	if err != nil {
		t.Fatal(err)
	}
	c := &controller{t: t, got: make(chan wire.Frame, 100), end: make(chan error, 1), log: &tail{}}
	c.cmd = exec.Command("ssh", "-F", os.Getenv("MXPLAY_LAB_SSH"), "-T", "-o", "BatchMode=yes", user+"@"+host, line)
	c.cmd.Stderr = c.log
	c.in, _ = c.cmd.StdinPipe()
	out, _ := c.cmd.StdoutPipe()
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { time.Sleep(5 * time.Minute); c.in.Close() }()
	t.Cleanup(func() { c.in.Close(); _ = c.cmd.Process.Kill() })
	r := bufio.NewReader(out)
	for {
		a, err := boot.Read(r)
		if err != nil {
			t.Fatalf("%v: %s", err, c.log)
		}
		if a.Ready {
			break
		}
		if _, err := c.in.Write(bin); err != nil {
			t.Fatal(err)
		}
	}
	c.greet(io.MultiReader(strings.NewReader(wire.Magic), r), w)
	go func() { c.end <- c.cmd.Wait() }()
	return c
}

// do runs a task with its arguments as JSON and returns what became of it.
func (c *controller) do(acc wire.Account, task, args string) wire.Result {
	c.t.Helper()
	lastID++
	err := c.conn.Send(wire.TCall, wire.Call{ID: lastID, Task: task, Account: acc, Items: []wire.Item{{Args: json.RawMessage(args)}}})
	if err != nil {
		c.t.Fatal(err)
	}
	var r wire.Result
	if err := c.frame(wire.TResult).Into(&r); err != nil {
		c.t.Fatal(err)
	}
	return r
}

func (c *controller) sh(acc wire.Account, script string) string {
	c.t.Helper()
	b, _ := json.Marshal(map[string]any{"cmd": script, "executable": "/bin/sh"})
	r := c.do(acc, "shell", string(b))
	if r.Refused != "" {
		return "refused: " + r.Refused
	}
	var out struct {
		Stdout string `json:"stdout"`
		Stderr string `json:"stderr"`
		RC     int    `json:"rc"`
	}
	_ = json.Unmarshal(r.Outcome.Result, &out)
	if r.Outcome.Failed {
		return fmt.Sprintf("failed: %s %+v", r.Outcome.Msg, out)
	}
	return out.Stdout
}

func TestLabAccounts(t *testing.T) {
	for _, host := range labHosts(t) {
		t.Run(host, func(t *testing.T) {
			w := wire.Welcome{Run: "agent-test", Host: host, Who: "test"}
			who := "id -un; id -gn; umask; pwd; echo $HOME; tty || true; cat"
			begin := time.Now()
			c := dial(t, "admin", host, w)
			t.Logf("hello after %v; facts %+v", time.Since(begin), c.hello.Facts)
			if got := c.sh(wire.Account{}, who); strings.TrimSpace(got) != "admin\nadmin\n0022\n/\n/home/admin\nnot a tty" {
				t.Errorf("own account: %q", got)
			}
			pass := func(method, p string) wire.Account {
				return wire.Account{User: "root", Method: method, Password: p, HasPass: p != ""}
			}
			for _, x := range []struct {
				name string
				acc  wire.Account
				want string
			}{
				{"no password", pass("sudo", ""), "refused: become: sudo wants a password and none was given"},
				{"wrong password", pass("sudo", "wrong-password"), "refused: become: sudo: wrong password"},
				{"sudo", pass("sudo", "lab-password"), "root\nroot\n0022\n/\n/root\nnot a tty"},
				{"su, wrong", pass("su", "wrong-password"), "refused: become: su: wrong password"},
				{"doas", pass("doas", "lab-password"), "refused: become: doas is not installed on the host"},
				{"unknown user", wire.Account{User: "nope"}, `refused: become: no such user "nope" on the host`},
				{"unknown method", pass("please", ""), `refused: become: unknown method "please": sudo, su and doas are there`},
				{"another", wire.Account{User: "ops", Password: "lab-password", HasPass: true}, "ops\nops\n0022\n/\n/home/ops\nnot a tty"},
				{"own again", wire.Account{}, "admin\nadmin\n0022\n/\n/home/admin\nnot a tty"},
			} {
				begin := time.Now()
				if got := c.sh(x.acc, who); strings.TrimSpace(got) != x.want {
					t.Errorf("%s: got %q, want %q; log %s", x.name, got, x.want, c.log)
				}
				t.Logf("%s: %v", x.name, time.Since(begin))
			}
			c.in.Close()
			if err := c.waitEnd(6 * time.Second); err != nil {
				t.Errorf("end: %v: %s", err, c.log)
			}

			c = dial(t, "ops", host, w)
			if got := c.sh(wire.Account{User: "root"}, "id -un"); strings.TrimSpace(got) != "root" {
				t.Errorf("sudo without a password: %q", got)
			}
			// Nothing survives: neither the agents nor what root's runs.
			mark := "3" + fmt.Sprint(time.Now().UnixNano()%100000)
			go func() { time.Sleep(time.Second); c.in.Close() }()
			lastID++
			_ = c.conn.Send(wire.TCall, wire.Call{ID: lastID, Task: "shell", Account: wire.Account{User: "root"}, Items: []wire.Item{{Args: json.RawMessage(`{"executable":"/bin/sh","cmd":"trap true TERM; sleep ` + mark + ` & sleep ` + mark + `; sleep ` + mark + `"}`)}}})
			_ = c.waitEnd(8 * time.Second)
			root := dial(t, "root", host, w)
			if got := root.sh(wire.Account{}, "pgrep -f '[s]leep "+mark+"'; pgrep -u ops -f '[m]xplay-agent'; echo end"); strings.TrimSpace(got) != "end" {
				t.Errorf("left: %q", got)
			}
		})
	}
}

func TestLabDoors(t *testing.T) {
	for _, host := range labHosts(t) {
		t.Run(host, func(t *testing.T) {
			c := dial(t, "root", host, wire.Welcome{Run: "agent-test", Host: host, Who: "test"})
			unit := `[Service]\nExecStart=/bin/sh -c 'echo it does not like this >&2; exit 3'\nType=oneshot\n`
			c.sh(wire.Account{}, `printf "`+strings.ReplaceAll(unit, "'", "\\047")+`" >/etc/systemd/system/agtest.service; systemctl daemon-reload`)
			// What a process said is told also when it was gone before journald looked at it, which is a race.
			for range 60 {
				r := c.do(wire.Account{}, "systemd", `{"name":"agtest","state":"started"}`)
				if !r.Outcome.Failed || !strings.Contains(strings.Join(r.Outcome.Lines, "\n"), "it does not like this") {
					t.Fatalf("got failed %v, %q", r.Outcome.Failed, r.Outcome.Lines)
				}
				c.sh(wire.Account{}, "systemctl reset-failed agtest")
			}
			c.sh(wire.Account{}, "rm -f /etc/systemd/system/agtest.service; systemctl daemon-reload; systemctl reset-failed agtest 2>/dev/null; true")
			r := c.do(wire.Account{}, "systemd", `{"name":"ssh","state":"started"}`)
			if r.Outcome.Failed || r.Outcome.Changed {
				t.Errorf("ssh: %+v", r)
			}
			t.Logf("ssh: %v us, %s", r.End-r.Start, r.Outcome.Result)
			r = c.do(wire.Account{User: "admin"}, "systemd", `{"name":"ssh","state":"started"}`)
			if r.Outcome.Failed || r.Outcome.Changed || r.Refused != "" {
				t.Errorf("ssh, as admin over the system bus: %+v", r)
			}
			r = c.do(wire.Account{}, "package", `{"name":["procps","sudo"],"state":"present"}`)
			if r.Outcome.Failed || r.Outcome.Changed || r.Refused != "" {
				t.Errorf("package: %+v", r)
			}
			t.Logf("package: %v us", r.End-r.Start)
		})
	}
}

// TestLabJobAndPostgres cuts the connection in the midst of an installation
// on a bare host and comes back: apt was let finish, and its result is found.
func TestLabJobAndPostgres(t *testing.T) {
	host := os.Getenv("MXPLAY_LAB_BARE")
	if host == "" {
		t.Fatal("needs MXPLAY_LAB_BARE, a host without PostgreSQL: make lab-test sets it")
	}
	root := wire.Account{}
	patience = 3 * time.Minute
	install := `{"name":["postgresql"],"state":"present","update_cache":true,"cache_valid_time":3600,"start":true,"conffiles":"old","lock_timeout":300}`
	role := `{"name":"syn","state":"present","password":"hunter22hunter","port":5432}`
	w := wire.Welcome{Run: fmt.Sprint("job", time.Now().UnixNano()), Host: host, Who: "test"}
	c := dial(t, "root", host, w)
	r := c.do(root, "postgres_user", role)
	t.Logf("role without a cluster: %+v", r.Outcome)
	lastID++
	if err := c.conn.Send(wire.TCall, wire.Call{ID: lastID, Task: "package", Items: []wire.Item{{Args: json.RawMessage(install)}}}); err != nil {
		t.Fatal(err)
	}
	watch := dial(t, "ops", host, wire.Welcome{Run: w.Run, Host: "watch"})
	for begin := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		if strings.Contains(watch.sh(root, "pgrep -a dpkg; true"), "--unpack") {
			break
		}
		if time.Since(begin) > 80*time.Second {
			t.Fatalf("dpkg never ran: %s", c.log)
		}
	}
	t.Logf("units: %s", watch.sh(root, "systemctl list-units --no-legend 'mxplay-job-*'"))
	_ = c.cmd.Process.Kill()
	time.Sleep(3 * time.Second)
	t.Logf("after the cut: %s", watch.sh(root, "pgrep -a 'mxplay|dpkg|apt' | cut -c1-90"))
	c = dial(t, "root", host, w)
	r = c.do(root, "package", install)
	t.Logf("the call again: %+v", r.Outcome)
	if r.Outcome.Failed {
		t.Fatal("it failed")
	}
	r = c.do(root, "package", install)
	if r.Outcome.Failed || r.Outcome.Changed {
		t.Fatalf("a second time: %+v", r.Outcome)
	}
	begin := time.Now()
	r = c.do(root, "postgres_user", role)
	t.Logf("role: %v %+v", time.Since(begin), r.Outcome)
	if r.Outcome.Failed || !r.Outcome.Changed {
		t.Fatal("no role")
	}
	db := `{"name":"syn","state":"present","owner":"syn","encoding":"UTF8","lc_collate":"C","lc_ctype":"C","template":"template0","port":5432}`
	if r = c.do(root, "postgres_db", db); r.Outcome.Failed || !r.Outcome.Changed {
		t.Fatalf("no database: %+v", r.Outcome)
	}
	begin = time.Now()
	if r = c.do(root, "postgres_db", db); r.Outcome.Failed || r.Outcome.Changed {
		t.Fatalf("a second time: %+v", r.Outcome)
	}
	t.Logf("database, nothing to do: %v", time.Since(begin))
	begin = time.Now()
	if r = c.do(wire.Account{User: "postgres"}, "postgres_user", role); r.Outcome.Failed || r.Outcome.Changed {
		t.Fatalf("as postgres: %+v %s", r.Outcome, r.Refused)
	}
	t.Logf("role as account postgres: %v", time.Since(begin))
	if r = c.do(wire.Account{User: "admin"}, "postgres_user", role); !r.Outcome.Failed {
		t.Fatalf("as admin: %+v", r.Outcome)
	}
	t.Logf("as admin: %s", r.Outcome.Msg)
	// The cluster restarts: who asks meanwhile waits.
	c.sh(root, "systemctl restart postgresql & sleep 0.3")
	if r = c.do(root, "postgres_user", role); r.Outcome.Failed {
		t.Logf("while it restarts: %+v", r.Outcome)
	}
}
