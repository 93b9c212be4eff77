package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The agent carries neither the controller's connection nor its language.
func TestLinksNoControllerCode(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range strings.Fields(string(out)) {
		for _, bad := range []string{
			"golang.org/x/crypto/ssh", "github.com/pkg/sftp", "gopkg.in/yaml", "go.yaml.in/", "sigs.k8s.io/yaml", "github.com/expr-lang/", "text/template", "github.com/spf13/",
			"github.com/mxplay/mxplay/runner/expr", "github.com/mxplay/mxplay/runner/playbook", "github.com/mxplay/mxplay/runner/remote", "github.com/mxplay/mxplay/inventory",
		} {
			if strings.HasPrefix(p, bad) {
				t.Errorf("the agent links %s", p)
			}
		}
	}
}

// The limit is for the network: 4 MB compressed for each architecture.
func TestSize(t *testing.T) {
	if os.Getenv("MXPLAY_SIZE") == "" {
		t.Skip("builds three times: set MXPLAY_SIZE=1")
	}
	for _, arch := range []string{"amd64", "arm64", "arm"} {
		bin := filepath.Join(t.TempDir(), arch)
		cmd := exec.Command("go", "build", "-trimpath", "-tags", "nethttpomithttp2", "-ldflags", "-s -w", "-o", bin, ".")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOARM=7")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		b, err := os.ReadFile(bin)
		if err != nil {
			t.Fatal(err)
		}
		var gz bytes.Buffer
		z, _ := gzip.NewWriterLevel(&gz, gzip.BestCompression)
		_, _ = z.Write(b)
		_ = z.Close()
		t.Logf("%s: %d bytes, %d compressed", arch, len(b), gz.Len())
		if gz.Len() > 4_000_000 {
			t.Errorf("%s: %d bytes compressed are more than 4 MB", arch, gz.Len())
		}
	}
}
