package remote

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"
)

// knownHosts holds the known_hosts files of a run, each set of files read once.
type knownHosts struct {
	mu   sync.Mutex
	sets map[string]*knownSet
}

// knownSet is what a list of files says together.
type knownSet struct {
	files   []string // those that are there
	db      *knownhosts.HostKeyDB
	renamed map[string]string // cleaned copy -> file
	mu      sync.Mutex
	added   map[string][]ssh.PublicKey // accepted in this run, by known name
}

func (k *knownHosts) set(files []string) (*knownSet, error) {
	key := strings.Join(files, "\x00")
	k.mu.Lock()
	defer k.mu.Unlock()
	if s, ok := k.sets[key]; ok {
		return s, nil
	}
	s, err := readKnown(files)
	if err != nil {
		return nil, err
	}
	if k.sets == nil {
		k.sets = map[string]*knownSet{}
	}
	k.sets[key] = s
	return s, nil
}

func readKnown(files []string) (*knownSet, error) {
	s := &knownSet{renamed: map[string]string{}, added: map[string][]ssh.PublicKey{}}
	var read []string
	for _, f := range files {
		st, err := os.Stat(f)
		if errors.Is(err, os.ErrNotExist) || err == nil && !st.Mode().IsRegular() { // /dev/null
			continue
		}
		if err != nil {
			return nil, err
		}
		s.files = append(s.files, f)
		clean, err := cleanKnown(f)
		if err != nil {
			return nil, err
		}
		if clean != f {
			s.renamed[clean] = f
			defer os.Remove(clean)
		}
		read = append(read, clean)
	}
	var err error
	s.db, err = knownhosts.NewDB(read...)
	return s, err
}

// cleanKnown is the file itself, or a copy in which the lines that cannot be
// understood are empty: as in ssh, one of them must not make the file useless.
func cleanKnown(file string) (string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	var out []byte
	bad := false
	sc := bufio.NewScanner(strings.NewReader(string(data)))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		line := strings.TrimSpace(sc.Text())
		if line != "" && line[0] != '#' {
			_, hosts, _, _, _, err := ssh.ParseKnownHosts([]byte(line))
			if err != nil || len(line) > bufio.MaxScanTokenSize-1 || len(hosts) == 0 || hashedBadly(hosts[0]) {
				line, bad = "", true
			}
		}
		out = append(append(out, line...), '\n')
	}
	if err := sc.Err(); err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	if !bad {
		return file, nil
	}
	tmp, err := os.CreateTemp("", "mxplay-known-")
	if err != nil {
		return "", err
	}
	_, err = tmp.Write(out)
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	return tmp.Name(), err
}

// hashedBadly tells that a hashed name is not of the one form there is.
func hashedBadly(host string) bool {
	return strings.HasPrefix(host, "|") && (strings.Count(host, "|") != 3 || !strings.HasPrefix(host, "|1|"))
}

// algorithms are what to ask the server for: those of the keys on file first,
// so that a good host is not taken for a wrong one because it has several keys.
func (s *knownSet) algorithms(name string) []string {
	usable := ssh.SupportedAlgorithms().HostKeys
	var first, rest []string
	have := s.db.HostKeyAlgorithms(name)
	if other := withoutPort(name); len(have) == 0 && other != "" {
		have = s.db.HostKeyAlgorithms(other)
	}
	for _, a := range have {
		if slices.Contains(usable, a) {
			first = append(first, a)
		}
	}
	s.mu.Lock()
	for _, k := range s.added[name] {
		first = append(first, algorithmsOf(k)...)
	}
	s.mu.Unlock()
	// A plain key on file is preferred to an authority that stands for many hosts.
	slices.SortStableFunc(first, func(a, b string) int { return btoi(isCert(a)) - btoi(isCert(b)) })
	for _, a := range usable {
		if !slices.Contains(first, a) && !isCert(a) {
			rest = append(rest, a)
		}
	}
	// Modern keys first, as ssh has them.
	slices.SortStableFunc(rest, func(a, b string) int { return btoi(a != ssh.KeyAlgoED25519) - btoi(b != ssh.KeyAlgoED25519) })
	return append(first, rest...)
}

func algorithmsOf(k ssh.PublicKey) []string {
	if k.Type() == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{k.Type()}
}

func isCert(algo string) bool { return strings.Contains(algo, "-cert-v0") }

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// known is a key on file with its place.
type known struct {
	key   ssh.PublicKey
	place string // file:line
	file  string
	cert  bool // a certificate authority
}

// verdict is what the files say of a key.
type verdict struct {
	ok      bool
	err     error   // a certificate that is no good, or a revoked key
	plain   []known // keys on file for the host
	signers []known // authorities on file for the host
}

// check judges a key that a server offered under the name.
func (s *knownSet) check(name string, remote net.Addr, key ssh.PublicKey) verdict {
	var v verdict
	s.mu.Lock()
	for _, k := range s.added[name] {
		if slices.Equal(k.Marshal(), key.Marshal()) {
			v.ok = true
		}
	}
	s.mu.Unlock()
	err := s.db.HostKeyCallback()(name, remote, key)
	var revoked *xknownhosts.RevokedError
	if errors.As(err, &revoked) {
		return verdict{err: fmt.Errorf("host key %s is revoked by %s", describe(key), s.place(revoked.Revoked))}
	}
	if v.ok {
		return v
	}
	authorities := map[string]bool{}
	for _, k := range s.db.HostKeys(name) {
		if k.Cert {
			authorities[string(k.Marshal())] = true
		}
	}
	var wrong *xknownhosts.KeyError
	cert, isCert := key.(*ssh.Certificate)
	switch {
	case err == nil && (isCert || !authorities[string(key.Marshal())]):
		v.ok = true
		return v
	case isCert && authorities[string(cert.SignatureKey.Marshal())]:
		v.err = fmt.Errorf("host certificate: %s", strings.TrimPrefix(err.Error(), "ssh: "))
		return v
	case isCert: // by an authority that is not on file: the key in it counts
		return s.check(name, remote, cert.Key)
	case err != nil && !errors.As(err, &wrong):
		v.err = err
		return v
	}
	if wrong == nil {
		wrong = &xknownhosts.KeyError{}
	}
	for _, k := range wrong.Want {
		w := known{key: k.Key, place: s.place(k), file: s.file(k.Filename), cert: authorities[string(k.Key.Marshal())]}
		if w.cert {
			v.signers = append(v.signers, w)
		} else {
			v.plain = append(v.plain, w)
		}
	}
	// As ssh does: a host that is not known on this port may be known without one.
	if other := withoutPort(name); other != "" && len(v.plain) == 0 {
		if w := s.check(other, remote, key); w.ok {
			return w
		}
	}
	return v
}

// withoutPort is the name as it is on file without a port, "" when it has none.
func withoutPort(name string) string {
	host, port, err := net.SplitHostPort(name)
	if err != nil || port == "22" {
		return ""
	}
	return net.JoinHostPort(host, "22")
}

func (s *knownSet) file(f string) string {
	if r, ok := s.renamed[f]; ok {
		return r
	}
	return f
}

func (s *knownSet) place(k xknownhosts.KnownKey) string {
	return fmt.Sprintf("%s:%d", s.file(k.Filename), k.Line)
}

// add notes a key for the rest of the run and writes it to the file, if that is one.
func (s *knownSet) add(name string, key ssh.PublicKey, file string, hash bool) error {
	if cert, ok := key.(*ssh.Certificate); ok {
		key = cert.Key
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.added[name] {
		if slices.Equal(k.Marshal(), key.Marshal()) {
			return nil
		}
	}
	s.added[name] = append(s.added[name], key)
	if st, err := os.Stat(file); file == "" || err == nil && !st.Mode().IsRegular() {
		return nil
	}
	as := knownhosts.Normalize(name)
	if hash {
		as = xknownhosts.HashHostname(as)
	}
	line := as + " " + strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) + "\n"
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.Size() > 0 {
		var last [1]byte
		if _, err := f.ReadAt(last[:], st.Size()-1); err == nil && last[0] != '\n' {
			line = "\n" + line
		}
	}
	_, err = f.WriteString(line)
	return err
}

// describe names a key as ssh does: ED25519 SHA256:...
func describe(k ssh.PublicKey) string {
	if c, ok := k.(*ssh.Certificate); ok {
		return keyKind(c.Key) + " certificate " + ssh.FingerprintSHA256(c.Key)
	}
	return keyKind(k) + " " + ssh.FingerprintSHA256(k)
}

func keyKind(k ssh.PublicKey) string {
	switch k.Type() {
	case ssh.KeyAlgoED25519:
		return "ED25519"
	case ssh.KeyAlgoRSA:
		return "RSA"
	case ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521:
		return "ECDSA"
	}
	return k.Type()
}
