package main

import (
	"os/exec"
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
