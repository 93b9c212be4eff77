package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/mxplay/mxplay/e2e/standin"
)

// serving is what the server says of itself, to tell an outdated one.
type serving struct {
	Mirror  string `json:"mirror"`
	StandIn string `json:"standin"`
}

func (c Config) standInDir() string { return filepath.Join(c.Cache, "standin") }

func (c Config) fingerprint() (string, error) {
	key, err := standin.LoadKey(c.standInDir())
	if err != nil {
		return "", err
	}
	return key.Fingerprint(), nil
}

func (c Config) writeFingerprint(digits string) error {
	return writeFile(filepath.Join(c.State, "standin.fingerprint"), digits+"\n", 0o644)
}

// Serve serves the mirror's cache and the stand-in repository on the bridge
// until the context ends. The lab starts it as a process of its own, for all
// groups and for as long as there are hosts.
func (c Config) Serve(ctx context.Context) error {
	key, err := standin.LoadKey(c.standInDir())
	if err != nil {
		return err
	}
	repo, err := standin.Build(key, standin.Packages())
	if err != nil {
		return err
	}
	mirror, err := newMirror(Mirror(), filepath.Join(c.Cache, "http"))
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /debian/", http.StripPrefix("/debian", mirror))
	mux.Handle("GET /matrix/debian/", http.StripPrefix("/matrix/debian", repo))
	mux.HandleFunc("GET /lab", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(serving{Mirror: Mirror(), StandIn: repo.Hash()})
	})
	l, err := net.Listen("tcp", c.server())
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// bringServer starts the server unless one of today's make runs. It wants the lock.
func (c Config) bringServer(ctx context.Context) error {
	want := serving{Mirror: Mirror(), StandIn: standin.Hash(standin.Packages())}
	if now, err := c.askServer(ctx); err == nil && now == want {
		return nil
	}
	if err := c.dropServer(); err != nil {
		return err
	}
	argv, err := c.serverCommand(ctx)
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(c.State, "server.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), fmt.Sprintf("MXPLAY_LAB_NET=%d", c.Net), "MXPLAY_LAB_CACHE="+c.Cache)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	p, err := findProcess(cmd.Process.Pid)
	if err != nil {
		return err
	}
	go cmd.Wait()
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := writeFile(c.serverFile(), string(text)+"\n", 0o644); err != nil {
		return err
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		now, err := c.askServer(ctx)
		if err == nil && now == want {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("it serves %+v, not %+v", now, want)
		}
		if !p.alive() || time.Now().After(end) || ctx.Err() != nil {
			said, _ := os.ReadFile(log.Name())
			return fmt.Errorf("the lab's server at %s: %w\n%s", c.server(), err, tail(string(said), 5))
		}
	}
}

func (c Config) serverFile() string { return filepath.Join(c.State, "server.json") }

// serverCommand is the lab command itself. A test is another program, so it
// builds the command first, which the build cache makes cheap.
func (c Config) serverCommand(ctx context.Context) ([]string, error) {
	if exe, err := os.Executable(); err == nil && filepath.Base(exe) == "lab" {
		return []string{exe, "serve"}, nil
	}
	bin := filepath.Join(c.State, "lab")
	if _, err := run(ctx, "go", "build", "-o", bin, "github.com/mxplay/mxplay/e2e/cmd/lab"); err != nil {
		return nil, fmt.Errorf("build the lab's server: %w", err)
	}
	return []string{bin, "serve"}, nil
}

func (c Config) askServer(ctx context.Context) (serving, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var s serving
	req, err := http.NewRequestWithContext(ctx, "GET", c.serverURL()+"/lab", nil)
	if err != nil {
		return s, err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no proxy
	res, err := client.Do(req)
	if err != nil {
		return s, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return s, errors.New(res.Status)
	}
	return s, json.NewDecoder(res.Body).Decode(&s)
}

func (c Config) dropServer() error {
	text, err := os.ReadFile(c.serverFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var p process
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		return err
	}
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	if !p.gone(3 * time.Second) {
		if err := p.signal(syscall.SIGKILL); err != nil {
			return err
		}
		p.gone(3 * time.Second)
	}
	return os.Remove(c.serverFile())
}

// aptProxy is the proxy that the machine's own apt goes through, or "".
func aptProxy() string {
	out, err := exec.Command("apt-config", "shell", "p", "Acquire::http::Proxy").Output()
	if err != nil {
		return ""
	}
	_, p, _ := strings.Cut(strings.TrimSpace(string(out)), "=")
	p = strings.Trim(p, "'")
	if strings.EqualFold(p, "DIRECT") {
		return ""
	}
	return p
}
