package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

const forwardSwitch = "/proc/sys/net/ipv4/ip_forward"

// bringNetwork makes the bridge, and lets the hosts out through the machine.
// It may be called again at any time.
func (c Config) bringNetwork(ctx context.Context) error {
	br := c.bridge()
	if !hasLink(br) {
		if routes, _ := run(ctx, "ip", "-4", "route", "show", "to", "match", c.Gateway()); strings.Contains(routes, fmt.Sprintf("10.%d.", c.Net)) {
			return fmt.Errorf("the network %s is in use on this machine; set MXPLAY_LAB_NET to another number", c.subnet())
		}
		if _, err := run(ctx, "ip", "link", "add", br, "type", "bridge"); err != nil {
			return err
		}
	}
	if _, err := run(ctx, "ip", "addr", "replace", c.Gateway()+"/24", "dev", br); err != nil {
		return err
	}
	if _, err := run(ctx, "ip", "link", "set", br, "up"); err != nil {
		return err
	}
	rules := fmt.Sprintf(`table ip %[1]s {}
delete table ip %[1]s
table ip %[1]s {
	chain out {
		type nat hook postrouting priority srcnat;
		ip saddr %[2]s ip daddr != %[2]s masquerade
	}
}
`, br, c.subnet())
	if _, err := runInput(ctx, rules, "nft", "-f", "-"); err != nil {
		return err
	}
	if err := c.openForward(ctx); err != nil {
		return err
	}
	return c.setForward()
}

// hasLink asks the kernel: in a container /sys may show another network's links.
func hasLink(name string) bool {
	_, err := net.InterfaceByName(name)
	return err == nil
}

// setForward turns routing on and remembers what it was.
func (c Config) setForward() error {
	was, err := os.ReadFile(forwardSwitch)
	if err != nil {
		return err
	}
	if strings.TrimSpace(string(was)) == "1" {
		return nil
	}
	if err := os.WriteFile(filepath.Join(c.State, "ip_forward"), was, 0o600); err != nil {
		return err
	}
	return os.WriteFile(forwardSwitch, []byte("1"), 0o644)
}

// resetForward turns routing back to what it was, or leaves that to another
// lab that still needs it.
func (c Config) resetForward() error {
	mine := filepath.Join(c.State, "ip_forward")
	was, err := os.ReadFile(mine)
	if err != nil {
		return nil // it was on before
	}
	states, _ := filepath.Glob(StateDir(88) + "*")
	for _, state := range states {
		if state != c.State {
			return os.Rename(mine, filepath.Join(state, "ip_forward"))
		}
	}
	return os.WriteFile(forwardSwitch, was, 0o644)
}

// openForward lets the bridge through where something else on the machine,
// such as Docker, made iptables refuse all that is forwarded.
func (c Config) openForward(ctx context.Context) error {
	rules, err := run(ctx, "iptables", "-S", "FORWARD")
	if err != nil || !strings.Contains(rules, "-P FORWARD DROP") {
		return nil // no iptables, or nothing to open
	}
	for _, dir := range []string{"-i", "-o"} {
		if strings.Contains(rules, "-A FORWARD "+dir+" "+c.bridge()+" ") {
			continue
		}
		if _, err := run(ctx, "iptables", "-I", "FORWARD", dir, c.bridge(), "-j", "ACCEPT"); err != nil {
			return err
		}
	}
	return nil
}

func (c Config) dropNetwork(ctx context.Context) error {
	var errs []error
	if hasLink(c.bridge()) {
		_, err := run(ctx, "ip", "link", "del", c.bridge())
		errs = append(errs, err)
	}
	if _, err := run(ctx, "nft", "list", "table", "ip", c.bridge()); err == nil {
		_, err := run(ctx, "nft", "delete", "table", "ip", c.bridge())
		errs = append(errs, err)
	}
	if rules, err := run(ctx, "iptables", "-S", "FORWARD"); err == nil {
		for _, dir := range []string{"-i", "-o"} {
			if strings.Contains(rules, "-A FORWARD "+dir+" "+c.bridge()+" ") {
				_, err := run(ctx, "iptables", "-D", "FORWARD", dir, c.bridge(), "-j", "ACCEPT")
				errs = append(errs, err)
			}
		}
	}
	errs = append(errs, c.resetForward())
	return errors.Join(errs...)
}

// plug gives a host its network namespace, with one interface on the bridge.
func (c Config) plug(ctx context.Context, h *record) error {
	if err := c.unplug(ctx, h); err != nil {
		return err
	}
	ns := h.netns()
	for _, argv := range [][]string{
		{"ip", "netns", "add", ns},
		{"ip", "link", "add", h.link(c), "type", "veth", "peer", "name", "host0", "address", h.mac(), "netns", ns},
		{"ip", "link", "set", h.link(c), "master", c.bridge(), "up"},
		{"ip", "-n", ns, "addr", "add", h.Addr + "/24", "dev", "host0"},
		{"ip", "-n", ns, "link", "set", "lo", "up"},
		{"ip", "-n", ns, "link", "set", "host0", "up"},
		{"ip", "-n", ns, "route", "add", "default", "via", c.Gateway()},
	} {
		if _, err := run(ctx, argv...); err != nil {
			return err
		}
	}
	return nil
}

func (c Config) unplug(ctx context.Context, h *record) error {
	var errs []error
	// A namespace ends some time after its last process; its link would stay
	// on the bridge until then.
	if hasLink(h.link(c)) {
		_, err := run(ctx, "ip", "link", "del", h.link(c))
		errs = append(errs, err)
	}
	if _, err := os.Stat("/run/netns/" + h.netns()); err == nil {
		_, err := run(ctx, "ip", "netns", "del", h.netns())
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
