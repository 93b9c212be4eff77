package agent

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/mxplay/mxplay/modules"
)

// lookLimit is how long a command that only looks may take.
const lookLimit = 2 * time.Minute

// looks are the commands that Look runs: a program, what must follow it, and
// what else may. They read, whatever arguments a module adds within that.
var looks = []pattern{
	{"apt-cache", words("policy", "madison", "show", "showpkg", "depends", "rdepends", "search", "pkgnames"), nil},
	{"apt-config", words("dump"), nil},
	{"apt-mark", words("showhold", "showauto", "showmanual"), nil},
	{"dpkg", words("--print-architecture", "--print-foreign-architectures", "--compare-versions", "--status", "-s", "--get-selections", "--audit", "-l", "-L", "--listfiles", "-S", "--search", "--verify"), nil},
	{"dpkg-query", words("-W", "--show", "-l", "--list", "-L", "--listfiles", "-S", "--search", "-s", "--status"), nil},
	{"dpkg-divert", words("--list", "--listpackage", "--truename"), nil},
	{"dpkg-statoverride", words("--list"), nil},
	{"dpkg-deb", words("--field", "-f", "--info", "-I", "--contents", "-c"), nil},
	{"update-alternatives", words("--query", "--display", "--list", "--get-selections"), nil},
	{"getent", words("passwd", "group", "initgroups", "hosts", "ahosts", "ahostsv4", "ahostsv6", "shadow", "services", "aliases", "ethers", "gshadow", "netgroup", "networks", "protocols", "rpc"), nil},
	{"crontab", words("-l"), []string{"-r", "-e", "-i", "-s"}},
	{"id", nil, nil},
	{"debconf-show", nil, nil},
	{"debconf-get-selections", nil, nil},
	{"systemctl", words("show", "is-enabled", "is-active", "is-failed", "is-system-running", "list-units", "list-unit-files", "list-timers", "list-sockets", "list-dependencies", "cat", "status", "get-default", "--version"), nil},
	{"journalctl", nil, []string{"--rotate", "--vacuum", "--flush", "--sync", "--relinquish-var", "--smart-relinquish-var", "--setup-keys", "--update-catalog", "--cursor-file", "--follow", "-f"}},
	{"systemd-escape", nil, nil},
	{"systemd-detect-virt", nil, nil},
	{"systemd-analyze", words("verify", "calendar", "timespan", "timestamp", "unit-paths", "cat-config"), nil},
	{"timedatectl", words("show", "status", "list-timezones"), nil},
	{"hostnamectl", words("status", "show"), nil},
	{"localectl", words("status", "list-locales"), nil},
	{"locale", nil, nil},
	{"sshd", words("-T", "-t"), nil},
	{"nft", words("list"), nil},
	{"ip", words("-j", "-json", "addr", "route", "link"), []string{"add", "del", "delete", "set", "flush", "replace", "change", "append", "save", "restore", "-b", "-batch"}},
	{"ss", nil, []string{"-K", "--kill", "-D", "--diag"}},
	{"uname", nil, nil},
	{"pg_lsclusters", nil, nil},
	{"psql", words("--version"), nil},
	{"openssl", words("version"), nil},
	{"findmnt", nil, nil},
	{"df", nil, nil},
	{"ucf", words("--version"), nil},
	{"ucfq", nil, nil},
}

// pattern is a program whose first word that matters is one of first (nil:
// any), and none of whose words begins with one of never.
type pattern struct {
	program string
	first   []string
	never   []string
}

func words(w ...string) []string { return w }

// mayLook tells whether an argv cannot change anything.
func mayLook(argv []string) bool {
	if len(argv) == 0 {
		return false
	}
	switch argv[0] {
	case "apt-get":
		return simulates(argv[1:])
	case "git":
		return gitLooks(argv[1:])
	case "tar":
		return tarLooks(argv[1:])
	}
	for _, p := range looks {
		if p.program == argv[0] && p.allows(argv[1:]) {
			return true
		}
	}
	return false
}

func (p pattern) allows(args []string) bool {
	for _, a := range args {
		for _, n := range p.never {
			if a == n || strings.HasPrefix(n, "--") && strings.HasPrefix(a, n) || len(n) == 2 && n[0] == '-' && shortHas(a, n[1]) {
				return false
			}
		}
	}
	if p.first == nil {
		return true
	}
	for i, a := range args {
		for _, f := range p.first {
			if a == f {
				return true
			}
		}
		// Options that only say how something is shown may come first; those of
		// apt and dpkg that run other programs have a value of their own.
		if !harmless(p.program, args, i) {
			return false
		}
	}
	return false
}

// harmless are options that may stand before the word that matters.
func harmless(program string, args []string, i int) bool {
	a := args[i]
	switch program {
	case "systemctl":
		return a == "--no-pager" || a == "--root=/" || a == "--quiet" || a == "--all" || a == "--plain" || a == "--no-legend" || strings.HasPrefix(a, "--output=") || strings.HasPrefix(a, "--type=")
	case "apt-cache":
		return a == "-q" || a == "-qq" || safeOption(a) || a == "-o" || i > 0 && args[i-1] == "-o" && safeOption(a)
	case "nft", "ip":
		return a == "-j" || a == "-json" || a == "-4" || a == "-6" || a == "-o" || a == "-br"
	}
	return false
}

// shortHas tells whether a holds the short option c, alone or among others.
func shortHas(a string, c byte) bool {
	return len(a) > 1 && a[0] == '-' && a[1] != '-' && strings.IndexByte(a[1:], c) >= 0
}

// simulates tells whether apt-get only says what it would do. Its -o can make
// it run anything, so that only options known to be harmless pass.
func simulates(args []string) bool {
	sim, verb := false, ""
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "-s" || a == "--simulate" || a == "--dry-run" || a == "--just-print":
			sim = true
		case a == "-o" || a == "--option":
			if i++; i >= len(args) || !safeOption(args[i]) {
				return false
			}
		case strings.HasPrefix(a, "-o"):
			if !safeOption(strings.TrimPrefix(a, "-o")) {
				return false
			}
		case a == "-t" || a == "--target-release" || a == "-q":
			if a != "-q" {
				i++
			}
		case strings.HasPrefix(a, "--option=") || strings.HasPrefix(a, "-c") || strings.HasPrefix(a, "--config"):
			return false
		case strings.HasPrefix(a, "-"):
		case verb == "":
			verb = a
		}
	}
	switch verb {
	case "install", "remove", "purge", "upgrade", "dist-upgrade", "full-upgrade", "autoremove", "autopurge", "build-dep", "satisfy", "check":
		return sim
	case "indextargets":
		return true
	case "update": // writes lists even with -s
		return false
	}
	return false
}

// sshLooks is how git may log in while looking: it takes no host key and asks nothing.
const sshLooks = `^core\.sshCommand=ssh -o BatchMode=yes -o StrictHostKeyChecking=yes( -o IdentitiesOnly=yes -i '/[^']*')?$`

// gitLooks tells whether git only reads. Much of git's configuration names
// programs to run, so that only these forms pass.
func gitLooks(args []string) bool {
	if len(args) > 0 && args[0] == "--no-optional-locks" {
		args = args[1:]
	}
	if len(args) > 2 && args[0] == "-C" && strings.HasPrefix(args[1], "/") {
		args = args[2:]
	}
	if len(args) > 2 && args[0] == "-c" && regexp.MustCompile(sshLooks).MatchString(args[1]) {
		args = args[2:]
	}
	switch line := strings.Join(args, " "); {
	case line == "status --porcelain --untracked-files=no", line == "rev-parse --verify -q HEAD":
		return true
	case len(args) == 3 && args[0] == "config" && args[1] == "--get":
		return true
	}
	return len(args) == 4 && args[0] == "ls-remote" && args[1] == "--symref" && args[2] == "--" && !strings.HasPrefix(args[3], "ext::")
}

// tarLooks tells whether tar only compares or lists. Many of its options run
// programs, so that only these forms pass.
func tarLooks(args []string) bool {
	if len(args) < 6 || args[0] != "--diff" && args[0] != "--list" || args[1] != "--file" || !strings.HasPrefix(args[2], "/") ||
		strings.Contains(args[2], ":") || args[3] != "--directory" || !strings.HasPrefix(args[4], "/") || args[5] != "--show-transformed-names" {
		return false
	}
	for _, a := range args[6:] {
		if strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--exclude=") && !strings.HasPrefix(a, "--strip-components=") && !strings.HasPrefix(a, "--strip=") {
			return false
		}
	}
	return true
}

// safeOption are settings of apt that run no program and write no file.
func safeOption(o string) bool {
	name, _, ok := strings.Cut(strings.TrimPrefix(o, "="), "=")
	if !ok {
		return false
	}
	name = strings.ToLower(name)
	for _, p := range []string{"dpkg::lock::timeout", "apt::install-recommends", "apt::install-suggests", "apt::get::", "apt::default-release", "debug::nolocking", "dir::etc::sourcelist", "dir::etc::sourceparts", "apt::cmd::", "dpkg::use-pty", "dpkg::options", "apt::architectures", "quiet", "acquire::check-valid-until", "dpkg::progress-fancy"} {
		if name == strings.TrimSuffix(p, "::") || strings.HasPrefix(name, p) && strings.HasSuffix(p, "::") || name == p+"::" {
			return true
		}
	}
	return false
}

// Look runs a command that cannot change anything.
func (h *host) Look(ctx context.Context, argv ...string) (modules.Output, error) {
	if !mayLook(argv) {
		return modules.Output{Argv: argv}, fmt.Errorf("look with %q: %w", strings.Join(argv, " "), modules.ErrDoor)
	}
	if h.call.Plan && (argv[0] == "apt-cache" || argv[0] == "apt-get") {
		// Apt keeps what it has computed, as root; check mode keeps that apart and takes it away again.
		argv = slices.Concat(argv[:1], h.agent.apt.options(cacheDir()), argv[1:])
	}
	ctx, cancel := context.WithTimeoutCause(ctx, lookLimit, fmt.Errorf("no answer within %s", lookLimit))
	defer cancel()
	env := mergeEnv(cleanEnv(), map[string]string{"LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", "GIT_TERMINAL_PROMPT": "0", "SYSTEMD_PAGER": "", "PAGER": "cat"})
	return h.sys.procs.run(ctx, modules.Command{Argv: argv}, env, h.agent.opt.Grace)
}
