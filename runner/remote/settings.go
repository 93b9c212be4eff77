package remote

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// settings are what the configuration says of one hop.
type settings struct {
	name  string // as it was asked for
	host  string // what to connect to
	port  int
	user  string
	alias string // name in known_hosts, when another
	net   string // tcp, tcp4, tcp6

	identities     []string
	certificates   []string
	identitiesOnly bool
	agent          string // socket, "" for none

	knownHosts []string // the first is where new keys are written
	global     []string
	checking   string // yes, accept-new, no
	hashNames  bool

	file  string // -F: it holds for jump hosts too
	jump  string // ProxyJump
	proxy string // ProxyCommand

	timeout  time.Duration
	alive    time.Duration
	aliveMax int

	batch                   bool
	pubkey, password, asked bool // methods: publickey, password, keyboard-interactive
}

func (s settings) addr() string { return joinPort(s.host, s.port) }

// known is the name under which known_hosts has the host.
func (s settings) known() string {
	if s.alias != "" {
		return joinPort(s.alias, 22)
	}
	return joinPort(strings.ToLower(s.host), s.port)
}

func joinPort(host string, port int) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(port)
}

// answers are a configuration's values by keyword in lower case, the first of each counts.
type answers map[string][]string

func (a answers) get(key string) string {
	if v := a[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// word is a value that may be "none".
func (a answers) word(key string) string {
	if v := unquote(a.get(key)); !strings.EqualFold(v, "none") {
		return v
	}
	return ""
}

func (a answers) yes(key string, unset bool) bool {
	switch strings.ToLower(a.word(key)) {
	case "yes", "true":
		return true
	case "no", "false":
		return false
	}
	return unset
}

// files are the values of a keyword that names several files in one line.
func (a answers) files(key string, unset ...string) []string {
	v := a.get(key)
	if v == "" {
		return unset
	}
	words, err := splitWords(v)
	if err != nil {
		words = strings.Fields(v)
	}
	if len(words) == 1 && strings.EqualFold(words[0], "none") {
		return nil
	}
	return words
}

// defaultKeys are tried when the configuration names none.
var defaultKeys = []string{"~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa", "~/.ssh/id_ed25519_sk", "~/.ssh/id_ecdsa_sk"}

// settings reads the values for a host that was asked for by name.
func (a answers) settings(name, home string) (settings, error) {
	s := settings{name: name, host: a.word("hostname"), user: a.word("user"), net: "tcp"}
	if s.host == "" {
		s.host = name
	}
	s.host = expand(s.host, map[byte]string{'h': name, 'n': name})
	if s.user == "" {
		s.user = localUser()
	}
	var err error
	if s.port, err = number(a, "port", 22); err != nil {
		return s, err
	}
	switch a.word("addressfamily") {
	case "inet":
		s.net = "tcp4"
	case "inet6":
		s.net = "tcp6"
	}
	tokens := map[byte]string{
		'h': s.host, 'n': s.name, 'p': strconv.Itoa(s.port), 'r': s.user, 'd': home, 'u': localUser(),
		'k': s.host, 'l': nodeName(), 'L': shortName(), 'i': strconv.Itoa(os.Getuid()), 'j': a.word("proxyjump"),
	}
	s.alias = expand(a.word("hostkeyalias"), tokens)
	if s.alias != "" {
		tokens['k'] = s.alias
	}
	path := func(p string) string { return homePath(expand(unquote(p), tokens), home) }
	paths := func(list []string) []string {
		var out []string
		for _, p := range list {
			if p != "" && !strings.EqualFold(p, "none") {
				out = append(out, path(p))
			}
		}
		return out
	}
	if s.identities = paths(a["identityfile"]); len(a["identityfile"]) == 0 {
		s.identities = paths(defaultKeys)
	}
	s.certificates = paths(a["certificatefile"])
	s.identitiesOnly = a.yes("identitiesonly", false)
	switch v := a.get("identityagent"); {
	case v == "" || v == "SSH_AUTH_SOCK":
		s.agent = os.Getenv("SSH_AUTH_SOCK")
	case strings.HasPrefix(v, "$"):
		s.agent = os.Getenv(strings.Trim(v, "${}"))
	case !strings.EqualFold(v, "none"):
		s.agent = path(v)
	}
	s.knownHosts = paths(a.files("userknownhostsfile", "~/.ssh/known_hosts", "~/.ssh/known_hosts2"))
	s.global = paths(a.files("globalknownhostsfile", "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"))
	if s.checking, err = checking(a.word("stricthostkeychecking")); err != nil {
		return s, err
	}
	s.hashNames = a.yes("hashknownhosts", false)
	s.jump = expand(a.word("proxyjump"), tokens)
	s.proxy = expand(a.word("proxycommand"), tokens)
	if s.jump != "" && s.proxy != "" { // only where both were given at once, and then ssh takes the first: the jump is ours
		s.proxy = ""
	}
	n, err := number(a, "connecttimeout", 0)
	if err != nil {
		return s, err
	}
	s.timeout = time.Duration(n) * time.Second
	if n, err = number(a, "serveraliveinterval", 0); err != nil {
		return s, err
	}
	s.alive = time.Duration(n) * time.Second
	if s.aliveMax, err = number(a, "serveralivecountmax", 3); err != nil {
		return s, err
	}
	s.batch = a.yes("batchmode", false)
	s.pubkey = !strings.EqualFold(a.word("pubkeyauthentication"), "no") && !strings.EqualFold(a.word("pubkeyauthentication"), "false")
	s.password = a.yes("passwordauthentication", true)
	s.asked = a.yes("kbdinteractiveauthentication", a.yes("challengeresponseauthentication", true))
	return s, nil
}

// checking is the value of StrictHostKeyChecking; "ask" is strict, since a run asks nobody.
func checking(v string) (string, error) {
	switch strings.ToLower(v) {
	case "", "ask", "yes", "true":
		return "yes", nil
	case "accept-new":
		return "accept-new", nil
	case "no", "off", "false":
		return "no", nil
	}
	return "", fmt.Errorf("StrictHostKeyChecking %q: it is yes, accept-new or no", v)
}

func number(a answers, key string, unset int) (int, error) {
	v := a.word(key)
	if v == "" {
		return unset, nil
	}
	n, err := strconv.Atoi(strings.TrimSuffix(v, "s"))
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s %q is not a number", key, v)
	}
	return n, nil
}

// expand replaces ssh's percent tokens; one that is not known stays.
func expand(s string, tokens map[byte]string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if v, ok := tokens[s[i]]; ok {
			b.WriteString(v)
		} else if s[i] == '%' {
			b.WriteByte('%')
		} else {
			b.WriteByte('%')
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// homePath resolves ~ and ${NAME} in a file's name.
func homePath(p, home string) string {
	for {
		i := strings.Index(p, "${")
		if i < 0 {
			break
		}
		j := strings.IndexByte(p[i:], '}')
		if j < 0 {
			break
		}
		p = p[:i] + os.Getenv(p[i+2:i+j]) + p[i+j+1:]
	}
	if p == "~" || strings.HasPrefix(p, "~/") {
		return filepath.Join(home, p[1:])
	}
	return p
}

func unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}

func localUser() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return os.Getenv("USER")
}

func nodeName() string { n, _ := os.Hostname(); return n }

func shortName() string {
	n, _, _ := strings.Cut(nodeName(), ".")
	return n
}
