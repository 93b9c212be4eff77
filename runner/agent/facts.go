package agent

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/runner/wire"
)

// hello is the agent's first frame. Facts ride in it: all of them come from
// files and system calls.
func (a *Agent) hello() wire.Hello {
	f := gatherFacts()
	exe, _ := os.Readlink(self)
	return wire.Hello{
		Version: a.opt.Hash, PID: os.Getpid(), User: f.UserID, UID: os.Geteuid(), Home: f.UserDir,
		Dir: filepath.Dir(exe), Arch: runtime.GOARCH, Facts: f, Pending: a.pending(),
		Boot: line("/proc/sys/kernel/random/boot_id"),
	}
}

// gatherFacts looks at the host.
func gatherFacts() modules.Facts {
	f := modules.Facts{OSFamily: "Debian", UserUID: int64(os.Geteuid())}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		f.System, f.Kernel, f.Nodename, f.Architecture = str(u.Sysname[:]), str(u.Release[:]), str(u.Nodename[:]), str(u.Machine[:])
		f.KernelVersion, f.Machine = str(u.Version[:]), f.Architecture
	}
	f.Hostname, _, _ = strings.Cut(f.Nodename, ".")
	f.FQDN = fqdn(f.Nodename)
	_, f.Domain, _ = strings.Cut(f.FQDN, ".")
	release(&f)
	f.DpkgArchitecture = dpkgArch()
	if exists("/var/lib/dpkg/status") {
		f.PkgMgr = "apt"
	}
	f.MachineID = line("/etc/machine-id")
	f.ServiceMgr = "systemd"
	if !systemdRuns() {
		f.ServiceMgr = line("/proc/1/comm")
	}
	f.Processors = int64(runtime.NumCPU())
	var si unix.Sysinfo_t
	if unix.Sysinfo(&si) == nil {
		unit := uint64(si.Unit)
		f.MemTotal = int64(uint64(si.Totalram) * unit >> 20)
		f.SwapTotal = int64(uint64(si.Totalswap) * unit >> 20)
		f.UptimeSeconds = int64(si.Uptime)
		f.MemFree, f.SwapFree = int64(uint64(si.Freeram)*unit>>20), int64(uint64(si.Freeswap)*unit>>20)
	}
	networkFacts(&f)
	f.UserID, f.UserDir = os.Getenv("USER"), os.Getenv("HOME")
	db := newAccountDB("/")
	if r := find(db.rows(&db.passwd, "passwd"), 2, digits(os.Geteuid())); len(r) > 5 {
		f.UserID, f.UserDir = r[0], r[5]
		gid, _ := strconv.ParseInt(r[3], 10, 64)
		f.UserGID, f.UserGecos = gid, r[4]
		if len(r) > 6 {
			f.UserShell = r[6]
		}
	}
	f.Virtualization = virtualization()
	moreFacts(&f)
	return f
}

func str(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// line is the first line of a file, "" without one.
func line(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	s, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(s)
}

// release reads os-release, and Debian's own file for the point release.
func release(f *modules.Facts) {
	b, err := os.ReadFile("/etc/os-release")
	if err != nil {
		b, _ = os.ReadFile("/usr/lib/os-release")
	}
	v := map[string]string{}
	for sc := bufio.NewScanner(bytes.NewReader(b)); sc.Scan(); {
		if k, val, ok := strings.Cut(sc.Text(), "="); ok {
			v[k] = strings.Trim(val, `"'`)
		}
	}
	f.Distribution = strings.TrimSuffix(v["NAME"], " GNU/Linux")
	f.DistributionRelease = v["VERSION_CODENAME"]
	f.DistributionVersion = v["VERSION_ID"]
	if v["ID"] != "debian" && !strings.Contains(v["ID_LIKE"], "debian") {
		f.OSFamily = f.Distribution
	}
	if f.OSFamily != "Debian" {
		f.DistributionMajor, _, _ = strings.Cut(f.DistributionVersion, ".")
		return
	}
	point := line("/etc/debian_version") // 12.5, or trixie/sid
	if v["ID"] == "debian" && point != "" && point[0] >= '0' && point[0] <= '9' {
		f.DistributionVersion = point
	}
	if strings.HasSuffix(point, "/sid") && v["VERSION_ID"] == "" {
		// Testing and unstable both call themselves so; sid alone names itself in its sources.
		if f.DistributionRelease == "" || sourcesName("sid") || sourcesName("unstable") {
			f.DistributionRelease = "sid"
		}
	}
	if f.DistributionVersion == "" {
		f.DistributionVersion = f.DistributionRelease
	}
	f.DistributionMajor, _, _ = strings.Cut(f.DistributionVersion, ".")
}

// sourcesName tells whether apt's sources name a suite.
func sourcesName(suite string) bool {
	files, _ := filepath.Glob("/etc/apt/sources.list.d/*")
	for _, p := range append(files, "/etc/apt/sources.list") {
		b, err := os.ReadFile(p)
		if err != nil {
			continue
		}
		for l := range strings.Lines(string(b)) {
			if l = strings.TrimSpace(l); strings.HasPrefix(l, "#") {
				continue
			}
			for _, w := range strings.Fields(l) {
				if w == suite {
					return true
				}
			}
		}
	}
	return false
}

// dpkgArch is dpkg's word for the architecture: its list of architectures
// begins with the native one, where it was ever written.
func dpkgArch() string {
	if a := line("/var/lib/dpkg/arch"); a != "" {
		return a
	}
	if a := map[string]string{"amd64": "amd64", "arm64": "arm64", "arm": "armhf", "386": "i386"}[runtime.GOARCH]; a != "" {
		return a
	}
	return runtime.GOARCH
}

// fqdn is the host's full name as /etc/hosts has it; DNS is not asked, since
// a server that does not answer would hold up every run.
func fqdn(node string) string {
	b, _ := os.ReadFile("/etc/hosts")
	for l := range strings.Lines(string(b)) {
		l, _, _ = strings.Cut(l, "#")
		w := strings.Fields(l)
		for i := 1; i < len(w); i++ {
			if w[i] != node {
				continue
			}
			for _, n := range w[1:] {
				if strings.HasPrefix(n, node+".") {
					return n
				}
			}
			if strings.Contains(w[1], ".") && !strings.HasPrefix(w[1], "localhost") {
				return w[1]
			}
		}
	}
	return node
}

// virtualization is what systemd-detect-virt would say, from what it reads.
func virtualization() string {
	for _, p := range []string{"/run/systemd/container", "/run/host/container-manager"} {
		if s := line(p); s != "" {
			return s
		}
	}
	if b, err := os.ReadFile("/proc/1/environ"); err == nil {
		for _, kv := range strings.Split(string(b), "\x00") {
			if v, ok := strings.CutPrefix(kv, "container="); ok && v != "" {
				return v
			}
		}
	}
	if exists("/.dockerenv") {
		return "docker"
	}
	if exists("/run/.containerenv") {
		return "podman"
	}
	if strings.Contains(strings.ToLower(line("/proc/sys/kernel/osrelease")), "microsoft") {
		return "wsl"
	}
	for _, p := range []string{"product_name", "sys_vendor", "board_vendor", "bios_vendor"} {
		s := line("/sys/class/dmi/id/" + p)
		for _, m := range []struct{ has, is string }{
			{"KVM", "kvm"}, {"OpenStack", "kvm"}, {"Amazon EC2", "amazon"}, {"QEMU", "qemu"}, {"VMware", "vmware"}, {"VMW", "vmware"},
			{"innotek GmbH", "oracle"}, {"VirtualBox", "oracle"}, {"Xen", "xen"}, {"Bochs", "bochs"}, {"Parallels", "parallels"},
			{"BHYVE", "bhyve"}, {"Hyper-V", "microsoft"}, {"Google Compute Engine", "google"}, {"Hetzner", "kvm"}, {"Apple Virtualization", "apple"},
		} {
			if strings.Contains(s, m.has) {
				if m.is == "qemu" && exists("/dev/kvm") {
					return "kvm"
				}
				return m.is
			}
		}
	}
	if line("/sys/hypervisor/type") == "xen" {
		return "xen"
	}
	if b, _ := os.ReadFile("/proc/cpuinfo"); bytes.Contains(b, []byte(" hypervisor")) {
		return "vm-other"
	}
	return "none"
}

func atoi(s string, base int) uint64 {
	n, _ := strconv.ParseUint(s, base, 64)
	return n
}
