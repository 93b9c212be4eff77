package remote

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// secrets asks the person at the terminal, one question at a time and each once.
type secrets struct {
	ask  func(string) (string, error)
	turn sync.Mutex // held while a question stands
	mu   sync.Mutex
	had  map[string]string // answers to keep, by what they are for

	open atomic.Int32 // how many wait for an answer
}

var errNoTerminal = errors.New("there is no terminal to ask on")

// get is the answer to a question, asked at most once for a purpose unless it was wrong.
func (s *secrets) get(purpose, prompt string) (string, error) {
	if s.ask == nil {
		return "", errNoTerminal
	}
	s.open.Add(1)
	defer s.open.Add(-1)
	s.turn.Lock()
	defer s.turn.Unlock()
	s.mu.Lock()
	v, ok := s.had[purpose]
	s.mu.Unlock()
	if ok {
		return v, nil
	}
	v, err := s.ask(prompt)
	if err == nil && purpose != "" {
		s.mu.Lock()
		if s.had == nil {
			s.had = map[string]string{}
		}
		s.had[purpose] = v
		s.mu.Unlock()
	}
	return v, err
}

func (s *secrets) forget(purpose, wrong string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.had[purpose] == wrong {
		delete(s.had, purpose)
	}
}

// fileKey is a private key in a file. It is unlocked when a server has said
// that it would take it, and then for all hosts of the run.
type fileKey struct {
	path    string
	pub     ssh.PublicKey
	cert    *ssh.Certificate // in PATH-cert.pub
	public  bool             // the file holds only the public key: its private part is in an ssh-agent
	secrets *secrets

	mu     sync.Mutex
	signer ssh.Signer
	pem    []byte
	err    error
}

// readKey reads a key file; a locked one is not unlocked.
func readKey(path string, s *secrets) (*fileKey, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	k := &fileKey{path: path, secrets: s}
	if k.pem, err = os.ReadFile(path); err != nil {
		return nil, err
	}
	k.cert = readCertificate(path + "-cert.pub")
	if pub, _, _, _, err := ssh.ParseAuthorizedKey(k.pem); err == nil {
		k.pub, k.public = pub, true
		if c, ok := pub.(*ssh.Certificate); ok {
			k.pub, k.cert = c.Key, c
		}
		return k, nil
	}
	if st.Mode().Perm()&0o077 != 0 && ownFile(st) {
		return nil, fmt.Errorf("mode %04o lets others read it (chmod 600 %s)", st.Mode().Perm(), quoted(path))
	}
	k.signer, err = ssh.ParsePrivateKey(k.pem)
	var locked *ssh.PassphraseMissingError
	switch {
	case err == nil:
		k.pub = k.signer.PublicKey()
	case errors.As(err, &locked):
		k.pub = locked.PublicKey
		if pub, err := os.ReadFile(path + ".pub"); k.pub == nil && err == nil {
			k.pub, _, _, _, _ = ssh.ParseAuthorizedKey(pub)
		}
		if k.pub == nil { // an old format without .pub: only unlocking tells which key it is
			if _, err := k.unlock(); err != nil {
				return nil, err
			}
			k.pub = k.signer.PublicKey()
		}
	default:
		return nil, errors.New(strings.TrimPrefix(err.Error(), "ssh: "))
	}
	return k, nil
}

func readCertificate(path string) *ssh.Certificate {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	pub, _, _, _, err := ssh.ParseAuthorizedKey(data)
	if err != nil {
		return nil
	}
	c, _ := pub.(*ssh.Certificate)
	return c
}

func (k *fileKey) PublicKey() ssh.PublicKey { return k.pub }

func (k *fileKey) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	s, err := k.unlock()
	if err != nil {
		return nil, err
	}
	return s.Sign(rand, data)
}

func (k *fileKey) SignWithAlgorithm(rand io.Reader, data []byte, algo string) (*ssh.Signature, error) {
	s, err := k.unlock()
	if err != nil {
		return nil, err
	}
	if a, ok := s.(ssh.AlgorithmSigner); ok {
		return a.SignWithAlgorithm(rand, data, algo)
	}
	return s.Sign(rand, data)
}

// unlock asks for the passphrase, three times at most and once for a run.
func (k *fileKey) unlock() (ssh.Signer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.signer != nil || k.err != nil {
		return k.signer, k.err
	}
	k.secrets.open.Add(1) // trying a passphrase takes its time too
	defer k.secrets.open.Add(-1)
	for try := range 3 {
		prompt := fmt.Sprintf("passphrase of %s: ", k.path)
		if try > 0 {
			prompt = "wrong, again: " + prompt
		}
		var pass string
		if pass, k.err = k.secrets.get("", prompt); k.err != nil {
			k.err = fmt.Errorf("key %s is locked: %w", k.path, k.err)
			return nil, k.err
		}
		if k.signer, k.err = ssh.ParsePrivateKeyWithPassphrase(k.pem, []byte(pass)); k.err == nil {
			return k.signer, nil
		}
	}
	k.signer, k.err = nil, fmt.Errorf("key %s: wrong passphrase", k.path)
	return nil, k.err
}

// locked says why the key could not be unlocked, nil when it was or nobody needed it.
func (k *fileKey) locked() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}

// keys holds what can sign, for all hosts of a run.
type keys struct {
	secrets *secrets

	mu     sync.Mutex
	files  map[string]*keyFile
	agents map[string]*agentConn
	lucky  map[string]string // user -> key that was taken last
}

type keyFile struct {
	once sync.Once
	key  *fileKey
	err  error
}

func (k *keys) file(path string) (*fileKey, error) {
	k.mu.Lock()
	f := k.files[path]
	if f == nil {
		f = &keyFile{}
		k.files[path] = f
	}
	k.mu.Unlock()
	f.once.Do(func() { f.key, f.err = readKey(path, k.secrets) })
	return f.key, f.err
}

func (k *keys) luckyFor(user string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.lucky[user]
}

func (k *keys) took(user string, key ssh.PublicKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lucky[user] = string(key.Marshal())
}

// agentConn is the one connection to an ssh-agent.
type agentConn struct {
	mu   sync.Mutex
	conn net.Conn
}

// agent gives the signers of the ssh-agent behind a socket.
func (k *keys) agent(socket string) ([]ssh.Signer, error) {
	k.mu.Lock()
	a := k.agents[socket]
	if a == nil {
		a = &agentConn{}
		k.agents[socket] = a
	}
	k.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	for try := 0; ; try++ {
		if a.conn == nil {
			conn, err := net.Dial("unix", socket)
			if err != nil {
				return nil, fmt.Errorf("ssh-agent at %s does not answer", socket)
			}
			a.conn = conn
		}
		list, err := agent.NewClient(a.conn).Signers()
		if err == nil || try > 0 {
			return list, err
		}
		_ = a.conn.Close() // it was started anew
		a.conn = nil
	}
}

func (k *keys) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, a := range k.agents {
		a.mu.Lock()
		if a.conn != nil {
			_ = a.conn.Close()
		}
		a.mu.Unlock()
	}
}
