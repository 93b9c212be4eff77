package remote

import (
	"fmt"
	"net"
	"strings"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
)

// trouble is an error with what belongs to it in an UnreachableError.
type trouble struct {
	err   error
	lines []string
	hint  string
}

func (t *trouble) Error() string { return t.err.Error() }
func (t *trouble) Unwrap() error { return t.err }

// hostKey decides on the key of one hop.
type hostKey struct {
	set    *knownSet
	s      settings
	notice func(string)
	err    error // why the key was refused
	weak   bool  // the key was let pass although it is wrong: give away no password
}

// callback is ssh's HostKeyCallback.
func (h *hostKey) callback(_ string, remote net.Addr, key ssh.PublicKey) error {
	if _, ok := remote.(*net.TCPAddr); !ok {
		remote = &net.TCPAddr{IP: net.IPv4zero, Port: 22} // a pipe or a channel: only the name counts
	}
	v := h.set.check(h.s.known(), remote, key)
	switch {
	case v.ok:
		return nil
	case v.err != nil:
		h.err = &trouble{err: v.err, hint: "see `man sshd`, SSH_KNOWN_HOSTS FILE FORMAT"}
	case len(v.plain) > 0:
		h.err = h.wrong(key, v)
		if h.s.checking == "no" {
			h.notice(fmt.Sprintf("%v; going on without a password, since StrictHostKeyChecking is no", h.err))
			h.err, h.weak = nil, true
		}
	case h.s.checking == "yes":
		h.err = h.unknown(key, v)
	default:
		h.err = h.accept(key)
	}
	return h.err
}

func (h *hostKey) accept(key ssh.PublicKey) error {
	file := ""
	if len(h.s.knownHosts) > 0 {
		file = h.s.knownHosts[0]
	}
	if err := h.set.add(h.s.known(), key, file, h.s.hashNames); err != nil {
		h.notice(fmt.Sprintf("the host key could not be kept: %v", err))
	}
	return nil
}

func (h *hostKey) wrong(key ssh.PublicKey, v verdict) error {
	name := knownhosts.Normalize(h.s.known())
	t := &trouble{}
	// The key of the same kind on file is the one it should have been.
	want := v.plain[0]
	for _, k := range v.plain {
		if k.key.Type() == key.Type() {
			want = k
			break
		}
	}
	t.err = fmt.Errorf("wrong host key: %s offers %s, but %s has %s", name, describe(key), want.place, describe(want.key))
	t.lines = append(t.lines, "offered "+describe(key))
	for _, k := range v.plain {
		t.lines = append(t.lines, "known   "+describe(k.key)+" ("+k.place+")")
	}
	t.hint = fmt.Sprintf("someone may be in between. If the host was set up anew, compare the fingerprint on its console "+
		"(`ssh-keygen -lf /etc/ssh/ssh_host_%s_key.pub`), then `ssh-keygen -f %s -R %s` and `%s`",
		shortKind(key), quoted(want.file), quoted(name), h.learn(key))
	return t
}

func (h *hostKey) unknown(key ssh.PublicKey, v verdict) error {
	t := &trouble{}
	name := knownhosts.Normalize(h.s.known())
	where := "there is no known_hosts file"
	if len(h.set.files) > 0 {
		where = "it is not in " + strings.Join(h.set.files, " or ")
	}
	t.err = fmt.Errorf("unknown host key: %s offers %s, and %s", name, describe(key), where)
	for _, k := range v.signers {
		t.lines = append(t.lines, "expected a certificate of "+describe(k.key)+" ("+k.place+")")
	}
	t.hint = fmt.Sprintf("compare the fingerprint on the host's console (`ssh-keygen -lf /etc/ssh/ssh_host_%s_key.pub`), then `%s`; "+
		"or, to trust what answers first, StrictHostKeyChecking=accept-new", shortKind(key), h.learn(key))
	return t
}

// learn is the command that puts the host's key on file.
func (h *hostKey) learn(key ssh.PublicKey) string {
	if h.s.jump != "" || h.s.proxy != "" || h.s.alias != "" {
		// ssh-keyscan goes through nothing and knows no aliases.
		cmd := "ssh"
		if h.s.jump != "" {
			cmd += " -J " + quoted(h.s.jump)
		} else if h.s.proxy != "" {
			cmd += " -o " + quoted("ProxyCommand="+h.s.proxy)
		}
		if h.s.alias != "" {
			cmd += " -o HostKeyAlias=" + quoted(h.s.alias)
		}
		if h.s.port != 22 {
			cmd += fmt.Sprintf(" -p %d", h.s.port)
		}
		return fmt.Sprintf("%s %s@%s true", cmd, h.s.user, h.s.host)
	}
	cmd := "ssh-keyscan"
	if h.s.port != 22 {
		cmd += fmt.Sprintf(" -p %d", h.s.port)
	}
	file := "~/.ssh/known_hosts"
	if len(h.s.knownHosts) > 0 {
		file = quoted(h.s.knownHosts[0])
	}
	return fmt.Sprintf("%s -t %s %s >> %s", cmd, shortKind(key), quoted(h.s.host), file)
}

// shortKind is a key's kind as ssh-keyscan and the names of key files have it.
func shortKind(key ssh.PublicKey) string {
	if c, ok := key.(*ssh.Certificate); ok {
		key = c.Key
	}
	return strings.ToLower(keyKind(key))
}

// quoted is a word for a shell.
func quoted(s string) string {
	if s != "" && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("@%+=:,./-_~", r))
	}) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
