package agent

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mxplay/mxplay/modules"
)

// moreFacts are those that playbooks ask for now and then; all come from
// files and system calls, and no program is started.
func moreFacts(f *modules.Facts) {
	f.DateTime = dateTime(time.Now())
	f.Env = environ(os.Environ())
	f.Mounts = mounts(readFile("/proc/self/mounts"))
	f.Local = localFacts("/etc/ansible/facts.d")
	f.DNS = resolver(readFile("/etc/resolv.conf"))
	f.Cmdline = cmdline(line("/proc/cmdline"))
	f.ProductName, f.SystemVendor = firmware("product_name"), firmware("sys_vendor")
	_, f.DistributionMinor, _ = strings.Cut(f.DistributionVersion, ".")
	f.UserspaceArch, f.ProcessorNproc = f.Architecture, f.Processors
	f.RealUserID, f.EffectiveUserID = int64(os.Getuid()), int64(os.Geteuid())
	f.RealGroupID, f.EffectiveGroupID = int64(os.Getgid()), int64(os.Getegid())
	f.KeyEd25519, f.KeyECDSA, f.KeyRSA = hostKey("ed25519"), hostKey("ecdsa"), hostKey("rsa")
	f.SELinux.Status = "disabled"
	if exists("/sys/fs/selinux/enforce") {
		f.SELinux.Status = "enabled"
	}
	f.AppArmor.Status = "disabled"
	if line("/sys/module/apparmor/parameters/enabled") == "Y" {
		f.AppArmor.Status = "enabled"
	}
	f.VirtualizationRole = "guest"
	if f.Virtualization == "none" {
		f.VirtualizationRole = "host"
	}
	f.UserspaceBits = strconv.Itoa(strconv.IntSize)
	f.LSB = modules.LSB{ID: f.Distribution, Release: f.DistributionVersion, Codename: f.DistributionRelease, MajorRelease: f.DistributionMajor}
}

// firmware is what the firmware says, NA without one, as Ansible has it.
func firmware(name string) string {
	if s := line("/sys/class/dmi/id/" + name); s != "" {
		return s
	}
	return "NA"
}

func readFile(path string) string {
	b, _ := os.ReadFile(path)
	return string(b)
}

// hostKey is the public part of a host key of sshd, without its kind and comment.
func hostKey(kind string) string {
	if w := strings.Fields(line("/etc/ssh/ssh_host_" + kind + "_key.pub")); len(w) > 1 {
		return w[1]
	}
	return ""
}

func dateTime(t time.Time) modules.DateTime {
	u := t.UTC()
	day := int(t.Weekday())
	// weeks begin on Monday; days before the first one are in week 0
	week := (t.YearDay() + 6 - (day+6)%7) / 7
	epoch := strconv.FormatInt(t.Unix(), 10)
	zone, _ := t.Zone()
	summer := zone
	for _, m := range []time.Month{time.January, time.July} {
		if at := time.Date(t.Year(), m, 1, 0, 0, 0, 0, t.Location()); at.IsDST() {
			summer, _ = at.Zone()
		}
	}
	return modules.DateTime{
		Year: t.Format("2006"), Month: t.Format("01"), Day: t.Format("02"), Hour: t.Format("15"), Minute: t.Format("04"), Second: t.Format("05"),
		Weekday: t.Weekday().String(), WeekdayNumber: strconv.Itoa(day), WeekNumber: pad(week),
		Epoch: epoch, EpochInt: epoch, Date: t.Format("2006-01-02"), Time: t.Format("15:04:05"),
		ISO8601: u.Format("2006-01-02T15:04:05Z"), ISO8601Micro: u.Format("2006-01-02T15:04:05.000000Z"),
		ISO8601Basic: strings.Replace(t.Format("20060102T150405.000000"), ".", "", 1), ISO8601BasicShort: t.Format("20060102T150405"),
		TZ: zone, TZOffset: t.Format("-0700"), TZDST: summer,
	}
}

func pad(n int) string {
	if n < 10 {
		return "0" + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}

func environ(list []string) map[string]string {
	out := map[string]string{}
	for _, kv := range list {
		if k, v, ok := strings.Cut(kv, "="); ok {
			out[k] = v
		}
	}
	return out
}

// mounts are the file systems on devices; a size is asked for local ones only,
// since a server that does not answer would hold up the run.
func mounts(text string) []modules.Mount {
	out := []modules.Mount{}
	for l := range strings.Lines(text) {
		w := strings.Fields(l)
		if len(w) < 4 || w[2] == "none" || !strings.HasPrefix(w[0], "/") && !strings.Contains(w[0], ":/") {
			continue
		}
		m := modules.Mount{Device: unescape(w[0]), Mount: unescape(w[1]), FSType: w[2], Options: w[3]}
		var s unix.Statfs_t
		if strings.HasPrefix(w[0], "/") && unix.Statfs(m.Mount, &s) == nil {
			m.SizeTotal, m.SizeAvailable = int64(s.Blocks)*int64(s.Frsize), int64(s.Bavail)*int64(s.Frsize)
			m.InodeTotal, m.InodeAvailable = int64(s.Files), int64(s.Ffree)
		}
		out = append(out, m)
	}
	return out
}

// unescape reads what the kernel writes for a blank in a path: \040.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// localFacts reads facts.d/NAME.fact, JSON or INI. Those that are programs are not started.
func localFacts(dir string) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	files, _ := filepath.Glob(dir + "/*.fact")
	for _, p := range files {
		st, err := os.Stat(p)
		if err != nil || st.Mode()&0o111 != 0 || !st.Mode().IsRegular() || st.Size() > 64<<10 {
			continue
		}
		b, err := os.ReadFile(p)
		if err != nil {
			continue
		}
		if !json.Valid(b) {
			b, _ = json.Marshal(iniFact(string(b)))
		}
		out[strings.TrimSuffix(filepath.Base(p), ".fact")] = b
	}
	return out
}

// iniFact is an INI file as Python's configparser reads it: keys are lower case, values text.
func iniFact(text string) map[string]map[string]string {
	out := map[string]map[string]string{}
	var section map[string]string
	for l := range strings.Lines(text) {
		l = strings.TrimSpace(l)
		switch {
		case l == "" || l[0] == '#' || l[0] == ';':
		case l[0] == '[' && strings.HasSuffix(l, "]"):
			section = map[string]string{}
			out[l[1:len(l)-1]] = section
		case section != nil:
			i := strings.IndexAny(l, "=:")
			if i > 0 {
				section[strings.ToLower(strings.TrimSpace(l[:i]))] = strings.TrimSpace(l[i+1:])
			}
		}
	}
	return out
}

func resolver(text string) modules.DNS {
	d := modules.DNS{Nameservers: []string{}, Search: []string{}}
	for l := range strings.Lines(text) {
		w := strings.Fields(l)
		if len(w) < 2 {
			continue
		}
		switch w[0] {
		case "nameserver":
			d.Nameservers = append(d.Nameservers, w[1])
		case "search":
			d.Search = w[1:]
		}
	}
	return d
}

// cmdline is the kernel's command line; a word without a value is true.
func cmdline(text string) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for _, w := range strings.Fields(text) {
		k, v, ok := strings.Cut(w, "=")
		out[k] = json.RawMessage("true")
		if ok {
			out[k], _ = json.Marshal(v)
		}
	}
	return out
}

// netmask fills in what follows of an address with its prefix.
func netmask(a *modules.Address, p netip.Prefix) {
	ip := p.Addr()
	a.Prefix = strconv.Itoa(p.Bits())
	a.Network = p.Masked().Addr().String()
	if !ip.Is4() {
		return
	}
	mask := ^uint32(0) << (32 - p.Bits())
	b4 := ip.As4()
	all := uint32(b4[0])<<24 | uint32(b4[1])<<16 | uint32(b4[2])<<8 | uint32(b4[3]) | ^mask
	four := func(n uint32) string {
		return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}).String()
	}
	a.Netmask, a.Broadcast = four(mask), four(all)
}
