package runner

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mxplay/mxplay/modules/builtin"
	"github.com/mxplay/mxplay/runner/remote"
	"github.com/mxplay/mxplay/runner/remote/remotetest"
	"github.com/mxplay/mxplay/runner/report"
)

// agentBinary is the agent itself, built once.
var agentBinary = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "mxplay-runner-test-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(dir, "agent"), "github.com/mxplay/mxplay/cmd/mxplay-agent")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return os.ReadFile(filepath.Join(dir, "agent"))
})

// ownRun is a login shell with a /run of its own, so that the test's agents
// and others on this machine do not share a lock.
var ownRun = []string{"/bin/sh", "-c", `exec unshare -m /bin/sh -c 'mount -t tmpfs none /run && exec /bin/sh -c "$1"' sh "$1"`, "sh"}

// tripSite is twenty tasks of mixed kinds; some read what others register.
const tripSite = `
- name: twenty tasks
  hosts: all
  vars: {conf: "{{ dir }}/conf"}
  tasks:
    - {name: 1, file: {path: "{{ dir }}/conf", state: directory, mode: "0755"}}
    - {name: 2, file: {path: "{{ dir }}/{{ item }}", state: directory, mode: "0700"}, loop: [a, b, c]}
    - {name: 3, copy: {content: "one\n", dest: "{{ conf }}/one"}, register: one, notify: restart}
    - {name: 4, copy: {src: two.txt, dest: "{{ conf }}/two"}}
    - {name: 5, template: {src: three.conf, dest: "{{ conf }}/three"}, notify: restart}
    - {name: 6, stat: {path: "{{ conf }}/one"}, register: st}
    - {name: 7, debug: {msg: "{{ st.stat.size }}"}}
    - {name: 8, copy: {content: "{{ st.stat.size }}\n", dest: "{{ conf }}/size"}}
    - {name: 9, file: {src: one, dest: "{{ conf }}/link", state: link}}
    - {name: 10, lineinfile: {path: "{{ conf }}/other", line: "more=1", create: true}}
    - {name: 11, json: {dest: "{{ conf }}/data.json", data: {a: [1, 2]}}}
    - {name: 12, yaml: {dest: "{{ conf }}/data.yml", data: {b: "{{ conf }}"}}}
    - {name: 13, command: {argv: ["true"], creates: "{{ conf }}/one"}}
    - {name: 14, slurp: {path: "{{ conf }}/one"}, register: got}
    - {name: 15, set_fact: {text: "{{ got.content | b64decode() }}"}}
    - {name: 16, copy: {content: "{{ text }}", dest: "{{ conf }}/again"}}
    - {name: 17, file: {path: "{{ conf }}/gone", state: absent}}
    - {name: 18, assert: {that: one.failed == false}}
    - {name: 19, stat: {path: /etc/passwd}, register: unread}
    - {name: 20, copy: {content: last, dest: "{{ conf }}/last", mode: "0600"}}
  handlers:
    - {name: restart, command: {argv: ["true"]}}
`

// A warm connect and twenty tasks on one host that change nothing, in at most
// 14 round trips: on a link of 100 ms that is 1.4 s.
func TestRoundTrips(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the agent")
	}
	if err := exec.Command("unshare", "-m", "true").Run(); err != nil {
		t.Skip("needs mount namespaces")
	}
	bin, err := agentBinary()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSH_AUTH_SOCK", "")
	t.Chdir(t.TempDir())
	priv := remotetest.Private(t, "ed25519")
	block, err := ssh.MarshalPrivateKey(priv, "")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewSignerFromKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, "key", pem.EncodeToMemory(block))
	if err := os.Chmod("key", 0o600); err != nil {
		t.Fatal(err)
	}
	srv := remotetest.Start(t, remotetest.Config{Keys: []ssh.PublicKey{key.PublicKey()}, Shell: ownRun, MaxSessions: 1})
	writeFile(t, "site.yml", []byte(tripSite))
	writeFile(t, "files/two.txt", []byte("two\n"))
	writeFile(t, "templates/three.conf", []byte("conf = {{ conf }}\n"))
	dir := t.TempDir()

	var trips int
	for round := range 3 {
		// the last round is over a line that takes its time, to see the seconds
		var port int
		link := remotetest.NewLink(t, srv.Addr, 30*time.Millisecond)
		port = link.Port
		if round == 2 {
			port = remotetest.NewSlowLink(t, srv.Addr, 50*time.Millisecond).Port
		}
		writeFile(t, "known_hosts", []byte(srv.KnownHosts(fmt.Sprintf("[127.0.0.1]:%d", port))))
		p, err := Compile(Options{
			Playbooks: []string{"site.yml"}, Inventory: []string{"web1,"}, Tasks: builtin.Tasks(), User: "root", KeyFile: "key",
			ExtraVars: []string{"dir=" + dir, fmt.Sprintf("ansible_host=127.0.0.1 ansible_port=%d", port)},
		})
		if err != nil {
			t.Fatal(err)
		}
		s := &script{redact: &report.Redactor{}}
		begin := time.Now()
		recap, err := p.Run(t.Context(), RunOptions{Report: s, Redact: s.redact, Remote: remote.Options{
			Agents: builtAgent(bin), NoConfig: true, KnownHosts: []string{"known_hosts"}, Silence: time.Minute, ConnectTimeout: 10 * time.Second,
		}})
		if err != nil {
			t.Fatal(err)
		}
		if recap.Exit() != 0 || round > 0 && recap.Hosts[0].Changed > 0 {
			t.Fatalf("round %d:\n%s", round, s.b.String())
		}
		if round == 1 {
			trips = link.Trips()
		}
		t.Logf("round %d: %d trips, %v", round, link.Trips(), time.Since(begin).Round(10*time.Millisecond))
	}
	if trips > 14 {
		t.Errorf("a warm connect and 20 tasks took %d round trips, 14 are allowed", trips)
	}
}

func builtAgent(bin []byte) func(string) (remote.Agent, error) {
	sum := sha256.Sum256(bin)
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	_, _ = z.Write(bin)
	_ = z.Close()
	return func(arch string) (remote.Agent, error) {
		if arch != runtime.GOARCH {
			return remote.Agent{}, remote.ErrNoAgent
		}
		return remote.Agent{SHA256: hex.EncodeToString(sum[:]), Size: int64(len(bin)), Packed: int64(b.Len()),
			Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }}, nil
	}
}
