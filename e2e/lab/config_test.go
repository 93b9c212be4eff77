package lab

import (
	"strings"
	"testing"

	"golang.org/x/crypto/ssh/knownhosts"
)

func TestSpecs(t *testing.T) {
	for _, ok := range []Spec{
		{Name: "a", Suite: "sid"},
		{Name: "web-1", Suite: "bookworm", Aliases: []string{"example.lab", "matrix.example.lab"}},
	} {
		if err := ok.validate(); err != nil {
			t.Errorf("%+v: %v", ok, err)
		}
	}
	for want, bad := range map[string]Spec{
		"host name": {Name: "../x", Suite: "sid"},
		"suite":     {Name: "a", Suite: "buster"},
		"alias":     {Name: "a", Suite: "sid", Aliases: []string{"a b"}},
	} {
		if err := bad.validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want one on the %s", bad, err, want)
		}
	}
}

func TestConfigFromTheEnvironment(t *testing.T) {
	t.Setenv("MXPLAY_LAB_NET", "91")
	t.Setenv("MXPLAY_LAB_CACHE", "/somewhere/")
	c, err := FromEnv()
	if err != nil {
		t.Fatal(err)
	}
	if c.Gateway() != "10.91.0.1" || c.Cache != "/somewhere" || c.State != "/run/mxplay-lab-91" {
		t.Errorf("got %+v", c)
	}
	t.Setenv("MXPLAY_LAB_NET", "256")
	if _, err := FromEnv(); err == nil {
		t.Error("network 256 is accepted")
	}
	t.Setenv("MXPLAY_LAB_NET", "")
	t.Setenv("MXPLAY_LAB_CACHE", "here")
	if _, err := FromEnv(); err == nil {
		t.Error("a relative cache is accepted")
	}
}

func TestRecordsAddressesAndGroupFiles(t *testing.T) {
	c := Config{Net: 88, State: t.TempDir(), Group: "g"}
	hosts := []*record{
		{Name: "a", Group: "g", Suite: "sid", Addr: "10.88.0.2", Aliases: []string{"example.lab"}},
		{Name: "a", Group: Main, Suite: "trixie", Addr: "10.88.0.4"},
	}
	for _, h := range hosts {
		if err := h.save(c); err != nil {
			t.Fatal(err)
		}
		if err := h.ensureHostKeys(c); err != nil {
			t.Fatal(err)
		}
	}
	all, err := c.records()
	if err != nil || len(all) != 2 {
		t.Fatalf("records: %d, %v", len(all), err)
	}
	if addr, err := c.freeAddr(all); addr != "10.88.0.3" || err != nil {
		t.Errorf("free address %s, %v", addr, err)
	}
	if got := etcHosts(inGroup(all, "g")); !strings.Contains(got, "10.88.0.2 a example.lab\n") || strings.Contains(got, "10.88.0.4") {
		t.Errorf("/etc/hosts of a group:\n%s", got)
	}
	if err := c.writeGroup(all, "g"); err != nil {
		t.Fatal(err)
	}
	if _, err := knownhosts.New(c.groupDir("g") + "/known_hosts"); err != nil {
		t.Error(err)
	}
	if err := c.writeGroup(all[:1], "g"); err != nil { // Main's alone
		t.Fatal(err)
	}
	if exists(c.groupDir("g")) {
		t.Error("the files of a group without hosts stay")
	}
}
