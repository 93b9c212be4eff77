package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// Main is the group of the hosts that the lab command starts. They stay until
// they are taken down by name or with the whole lab.
const Main = "main"

// Config says where a lab keeps its things and which addresses it uses.
// Two labs on one machine differ in Net.
type Config struct {
	Net   int    // hosts are 10.NET.0.2 and up, the machine is 10.NET.0.1
	Cache string // root file systems, downloads and the hosts' overlays
	State string // keys, inventories, process ids; gone after Down
	Group string // whose hosts Up and Reset mean
	// Owner is the process whose end makes the group's hosts stale, so that
	// the next Up of anyone ends them; 0 if they are to stay.
	Owner int
	// Log, if set, is told what takes long.
	Log func(format string, args ...any)
}

// FromEnv is the configuration of this machine: MXPLAY_LAB_NET (default 88)
// and MXPLAY_LAB_CACHE (default /var/cache/mxplay-lab).
// The group is one of this process alone and ends with it.
func FromEnv() (Config, error) {
	c := Config{Net: 88, Cache: "/var/cache/mxplay-lab", Owner: os.Getpid()}
	c.Group = "t" + strconv.Itoa(c.Owner)
	if s := os.Getenv("MXPLAY_LAB_CACHE"); s != "" {
		if !filepath.IsAbs(s) {
			return c, fmt.Errorf("MXPLAY_LAB_CACHE: %q is not an absolute path", s)
		}
		c.Cache = filepath.Clean(s)
	}
	if s := os.Getenv("MXPLAY_LAB_NET"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 || n > 255 {
			return c, fmt.Errorf("MXPLAY_LAB_NET: %q is not a number from 0 to 255", s)
		}
		c.Net = n
	}
	c.State = StateDir(c.Net)
	return c, nil
}

// StateDir is where the lab with these addresses keeps its state.
func StateDir(net int) string {
	if net == 88 {
		return "/run/mxplay-lab"
	}
	return fmt.Sprintf("/run/mxplay-lab-%d", net)
}

// Gateway is the machine's own address on the lab's bridge.
func (c Config) Gateway() string { return c.addr(1) }

// MirrorURL is the Debian mirror as the hosts reach it: the lab's cache.
func (c Config) MirrorURL() string { return c.serverURL() + "/debian" }

// StandInURL is the stand-in for https://packages.matrix.org/debian.
func (c Config) StandInURL() string { return c.serverURL() + "/matrix/debian" }

func (c Config) addr(n int) string   { return fmt.Sprintf("10.%d.0.%d", c.Net, n) }
func (c Config) server() string      { return c.Gateway() + ":8079" }
func (c Config) serverURL() string   { return "http://" + c.server() }
func (c Config) bridge() string      { return fmt.Sprintf("mxlab%d", c.Net) }
func (c Config) subnet() string      { return fmt.Sprintf("10.%d.0.0/24", c.Net) }
func (c Config) hostsDir() string    { return filepath.Join(c.State, "hosts") }
func (c Config) keyFile() string     { return filepath.Join(c.State, "id_ed25519") }
func (c Config) overlaysDir() string { return filepath.Join(c.Cache, "overlays", strconv.Itoa(c.Net)) }

// groupDir holds the files that describe a group to ssh and mxplay.
func (c Config) groupDir(group string) string {
	if group == Main {
		return c.State
	}
	return filepath.Join(c.State, "groups", group)
}

func (c Config) logf(format string, args ...any) {
	if c.Log != nil {
		c.Log(format, args...)
	}
}

// Spec asks for a host.
type Spec struct {
	Name    string   // its host name
	Suite   string   // bookworm, trixie or sid
	Aliases []string // more names for its address in every /etc/hosts of the group
}

var nameRE = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)
var aliasRE = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)

func (s Spec) validate() error {
	if !nameRE.MatchString(s.Name) {
		return fmt.Errorf("host name %q: want lower case letters, digits and dashes, at most 32", s.Name)
	}
	if _, ok := suites[s.Suite]; !ok {
		return fmt.Errorf("host %s: suite %q: want bookworm, trixie or sid", s.Name, s.Suite)
	}
	for _, a := range s.Aliases {
		if !aliasRE.MatchString(a) {
			return fmt.Errorf("host %s: alias %q is not a host name", s.Name, a)
		}
	}
	return nil
}
