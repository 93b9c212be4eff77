package remote

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// login proves to one hop who we are. It offers one method at a time, so that
// it knows what was tried and which key was taken.
type login struct {
	keys     *keys
	s        settings
	first    string // the target's own key file
	secret   string // the target's own password
	hasPass  bool
	noPass   bool     // the host's key is in doubt
	queue    []*offer // keys still to be offered
	listed   bool
	last     *offer
	offered  []*offer
	tried    []string // for the error
	skipped  []string
	allowed  []string
	prompted int
	tries    map[string]int
}

// offer is a key with where it comes from.
type offer struct {
	signer ssh.Signer
	from   string
	file   *fileKey // what signs in the end, unless an ssh-agent does
}

// next is ssh's AuthCallback.
func (l *login) next(c *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	l.allowed = c.AllowedMethods
	allows := func(m string) bool { return slices.Contains(c.AllowedMethods, m) }
	if allows("publickey") && l.s.pubkey {
		if !l.listed {
			l.listed = true
			l.list()
		}
		if len(l.queue) > 0 {
			l.last = l.queue[0]
			l.queue = l.queue[1:]
			l.offered = append(l.offered, l.last)
			l.tried = append(l.tried, fmt.Sprintf("key %s (%s)", describe(l.last.signer.PublicKey()), l.last.from))
			return ssh.PublicKeys(l.last.signer), nil
		}
	}
	if l.noPass {
		return nil, l.failed()
	}
	if l.hasPass {
		if allows("password") && l.s.password && l.tries["password"] == 0 {
			return ssh.Password(l.use("password")), nil
		}
		if allows("keyboard-interactive") && l.s.asked && l.tries["keyboard-interactive"] == 0 {
			l.use("keyboard-interactive")
			return ssh.KeyboardInteractive(l.answer), nil
		}
		return nil, l.failed()
	}
	if l.s.batch || l.keys.secrets.ask == nil {
		return nil, l.failed()
	}
	if allows("keyboard-interactive") && l.s.asked && l.tries["keyboard-interactive"] < 3 {
		l.use("keyboard-interactive")
		return ssh.KeyboardInteractive(l.answer), nil
	}
	if allows("password") && l.s.password && l.tries["password"] < 3 {
		l.use("password")
		return ssh.PasswordCallback(l.askPassword), nil
	}
	return nil, l.failed()
}

func (l *login) use(method string) string {
	if l.tries == nil {
		l.tries = map[string]int{}
	}
	if l.tries[method]++; l.tries[method] == 1 {
		l.tried = append(l.tried, method)
	}
	l.last = nil
	return l.secret
}

func (l *login) askPassword() (string, error) {
	purpose := fmt.Sprintf("%s@%s", l.s.user, l.s.addr())
	if l.prompted > 0 { // what was kept is wrong
		l.keys.secrets.forget(purpose, l.secret)
	}
	l.prompted++
	var err error
	l.secret, err = l.keys.secrets.get(purpose, fmt.Sprintf("password of %s on %s: ", l.s.user, l.s.name))
	return l.secret, err
}

// answer is the keyboard-interactive dialogue: one hidden question is for the password.
func (l *login) answer(name, instruction string, questions []string, echos []bool) ([]string, error) {
	out := make([]string, len(questions))
	for i, q := range questions {
		if l.hasPass {
			if echos[i] || l.prompted > 0 {
				return nil, fmt.Errorf("the host asks %q, and only a password was given", strings.TrimSpace(q))
			}
			l.prompted++
			out[i] = l.secret
			continue
		}
		a, err := l.keys.secrets.get("", fmt.Sprintf("%s@%s: %s", l.s.user, l.s.name, q))
		if err != nil {
			return nil, err
		}
		out[i] = a
	}
	return out, nil
}

// list puts the keys in the order in which they are most likely right: the
// target's own, the one that another host took, then as ssh does.
func (l *login) list() {
	var own, certs, held, others, files []*offer
	var inAgent []ssh.Signer
	if l.s.agent != "" {
		var err error
		if inAgent, err = l.keys.agent(l.s.agent); err != nil {
			l.skipped = append(l.skipped, err.Error())
		}
	}
	byKey := map[string]ssh.Signer{}
	for _, s := range inAgent {
		byKey[string(s.PublicKey().Marshal())] = s
	}
	paths := l.s.identities
	if l.first != "" {
		paths = append([]string{l.first}, paths...)
	}
	wanted := map[string]bool{}
	for i, p := range paths {
		k, err := l.keys.file(p)
		if err != nil {
			if !missing(err) || i == 0 && l.first != "" {
				l.skipped = append(l.skipped, fmt.Sprintf("key %s: %s", p, cause(err)))
			}
			continue
		}
		var signer ssh.Signer = k
		from, file := p, k
		if s, ok := byKey[string(k.pub.Marshal())]; ok {
			signer, from, file = s, "ssh-agent, "+p, nil
		} else if k.public {
			l.skipped = append(l.skipped, fmt.Sprintf("key %s: it holds only the public key, and no ssh-agent has the other", p))
			continue
		}
		wanted[string(k.pub.Marshal())] = true
		list := &files
		switch {
		case i == 0 && l.first != "":
			list = &own
		case from != p:
			list = &held
		}
		for _, c := range append([]*ssh.Certificate{k.cert}, l.certificatesFor(k.pub)...) {
			if c == nil {
				continue
			}
			if cs, err := ssh.NewCertSigner(c, signer); err == nil {
				to := &certs
				if list == &own {
					to = &own
				}
				*to = append(*to, &offer{cs, from, file})
			}
		}
		*list = append(*list, &offer{signer, from, file})
	}
	for _, s := range inAgent {
		key := s.PublicKey()
		if c, ok := key.(*ssh.Certificate); ok {
			key = c.Key
		}
		if !l.s.identitiesOnly || wanted[string(key.Marshal())] {
			others = append(others, &offer{s, "ssh-agent", nil})
		}
	}
	l.queue = once(slices.Concat(own, certs, held, others, files))
	if lucky := l.keys.luckyFor(l.s.user); lucky != "" {
		slices.SortStableFunc(l.queue[len(once(own)):], func(a, b *offer) int {
			return btoi(string(a.signer.PublicKey().Marshal()) != lucky) - btoi(string(b.signer.PublicKey().Marshal()) != lucky)
		})
	}
}

// once drops keys that are offered already.
func once(list []*offer) []*offer {
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(o *offer) bool {
		k := string(o.signer.PublicKey().Marshal())
		was := seen[k]
		seen[k] = true
		return was
	})
}

func (l *login) certificatesFor(pub ssh.PublicKey) []*ssh.Certificate {
	var out []*ssh.Certificate
	for _, p := range l.s.certificates {
		if c := readCertificate(p); c != nil && slices.Equal(c.Key.Marshal(), pub.Marshal()) {
			out = append(out, c)
		}
	}
	return out
}

// done notes the key that was taken, for the next host.
func (l *login) done() {
	if l.last != nil {
		l.keys.took(l.s.user, l.last.signer.PublicKey())
	}
}

// errLogin marks that the host took none of what was offered.
var errLogin = errors.New("login refused")

func (l *login) failed() error {
	t := &trouble{err: fmt.Errorf("%w: %s took nothing that was tried for user %s", errLogin, l.s.addr(), l.s.user)}
	switch len(l.tried) {
	case 0:
		t.err = fmt.Errorf("%w: there was nothing to try for user %s on %s", errLogin, l.s.user, l.s.addr())
	default:
		t.err = fmt.Errorf("%w: tried %s", t.err, strings.Join(l.tried, ", "))
	}
	t.lines = append(t.lines, l.skipped...)
	locked := false
	for _, o := range l.offered {
		if o.file != nil {
			if err := o.file.locked(); err != nil {
				locked = true
				t.lines = append(t.lines, err.Error())
			}
		}
	}
	if len(l.allowed) > 0 {
		t.lines = append(t.lines, "the host accepts: "+strings.Join(l.allowed, ", "))
	}
	asks := slices.Contains(l.allowed, "password") || slices.Contains(l.allowed, "keyboard-interactive")
	switch {
	case locked:
		t.hint = "put the key into an ssh-agent (`ssh-add`), or run it at a terminal"
	case l.noPass && asks:
		t.hint = "a password is not sent to a host with a wrong key"
	case l.hasPass:
		t.hint = "the password is wrong, or the account is locked or may not log in"
	case slices.Contains(l.allowed, "publickey") && len(l.queue) == 0:
		t.hint = fmt.Sprintf("put your public key into ~/.ssh/authorized_keys of %s there (`ssh-copy-id`), or name the right user and key: "+
			"ansible_user, ansible_ssh_private_key_file", l.s.user)
	case asks:
		t.hint = "the host wants a password: ansible_password, or run it at a terminal"
	}
	return t
}
