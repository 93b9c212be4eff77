// Package remote reaches hosts: over SSH, through any number of other hosts,
// or on this machine; it brings the agent there and speaks the wire with it.
// It knows neither playbooks nor modules.
package remote

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// Agent is a program for hosts as it is built in. Most hosts have it already:
// its bytes are read only for one that has not.
type Agent struct {
	SHA256 string                        // hex, of the program
	Size   int64                         // of the program
	Packed int64                         // of its gzip
	Open   func() (io.ReadCloser, error) // its gzip
}

// Options are what all connections of a run have in common.
type Options struct {
	// Agents is the agent for an architecture, as GOARCH names it. ErrNoAgent
	// when none is built in.
	Agents func(goarch string) (Agent, error)
	// Content opens content of the run by its SHA-256, for agents that ask.
	Content func(hash string) (io.ReadCloser, int64, error)
	// Ask gets a secret from the person at the terminal; nil when there is none.
	// It is called by one goroutine at a time.
	Ask func(prompt string) (string, error)
	// Notice is told what a person should read once. May be nil.
	Notice func(host, text string)

	Run   string   // id of the run, for the lock on the hosts
	Who   string   // user@machine, for the lock's message
	Check bool     // check mode: the lock is shared
	Facts []string // dear facts that are wanted from every host

	Silence        time.Duration // without a frame, after which the other side is taken for gone; 30 s when zero
	ConnectTimeout time.Duration // for hosts whose configuration names none; 10 s when zero

	// Redial is how long a lost connection is tried to be made again; zero: not at all.
	Redial time.Duration

	KnownHosts      []string // instead of the files that the configuration names
	HostKeyChecking string   // StrictHostKeyChecking, when neither the inventory nor its arguments say: yes, accept-new or no
	NoConfig        bool     // read no ssh configuration: neither the user's nor the system's
}

// Target is one host as the inventory has it.
type Target struct {
	Name string // in the inventory, for messages
	Host string // what to connect to, a name or address or alias of the ssh configuration; Name when empty
	Port int    // 0: as configured, else 22
	User string // "": as configured, else the local user

	Connection string // "ssh" (also when empty) or "local"
	KeyFile    string // tried before any other key
	Password   string // for password and keyboard-interactive
	CommonArgs string // arguments of ssh: -o ProxyJump=b, -J b, -i file, -F file, ...

	AgentDir string   // where the agent is kept, instead of the first place that works
	Env      []string // NAME=value of the local connection's agent; nothing of this process' environment reaches it else
}

func (t Target) host() string {
	if t.Host != "" {
		return t.Host
	}
	return t.Name
}

// ErrNoAgent says that mxplay was built without the program it needs on the hosts.
var ErrNoAgent = errors.New("this mxplay was built without its agents, so it cannot work on any host: build it with `make build`")

// UnreachableError says that a host could not be brought to talk, or that the
// talk broke off. Nothing is known of what it would have answered.
type UnreachableError struct {
	Host  string
	Err   error
	Lines []string // what was read from the other side
	Hint  string   // what may mend it
}

func (e *UnreachableError) Error() string { return fmt.Sprintf("%s: %v", e.Host, e.Err) }
func (e *UnreachableError) Unwrap() error { return e.Err }

// RefusedError says that the agent is there but will not work for this run:
// another run holds the lock, for instance.
type RefusedError struct {
	Host string
	Text string
	Hint string
}

func (e *RefusedError) Error() string { return fmt.Sprintf("%s: %s", e.Host, e.Text) }
