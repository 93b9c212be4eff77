package modules

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"strings"
	"time"
)

// Errors that a door may answer, to be tested with errors.Is.
var (
	// ErrNotExist: there is no such file, account, unit or database cluster.
	ErrNotExist = fs.ErrNotExist
	// ErrDoor: the door does not do this, for instance an argv that is not on Look's list.
	ErrDoor = errors.New("this is not allowed while looking")
)

// Reader is the host as Check sees it: it can look, not touch. Paths are
// absolute. Every method may block and ends early when ctx is done.
type Reader interface {
	// Stat describes the path itself; a symbolic link is not followed.
	// The error is ErrNotExist when nothing is there.
	Stat(ctx context.Context, path string) (Info, error)
	// ReadFile reads a file of at most 64 MiB, following links.
	ReadFile(ctx context.Context, path string) ([]byte, error)
	// ReadDir lists a directory, sorted by name, without . and .. .
	ReadDir(ctx context.Context, path string) ([]Info, error)
	// Hash is the SHA-256 of a file's bytes in hex, links followed.
	Hash(ctx context.Context, path string) (string, error)
	// Content is the bytes of content that lives on the controller, fetched from there unless they came along.
	Content(ctx context.Context, c Content) ([]byte, error)
	// User is an account by name or decimal uid: /etc/passwd, on a miss getent.
	User(ctx context.Context, name string) (User, error)
	// Group is a group by name or decimal gid: /etc/group, on a miss getent.
	Group(ctx context.Context, name string) (Group, error)
	// Packages are dpkg's records of the named packages; a name dpkg never heard of is missing from the map.
	Packages(ctx context.Context, names ...string) (map[string]Package, error)
	// Unit is what systemd knows of a unit, "nginx" meaning nginx.service. A unit that has no file has Load "not-found".
	Unit(ctx context.Context, name string) (Unit, error)
	// Query reads from PostgreSQL in a READ ONLY transaction; rows are text, nil for NULL.
	// The error is ErrNotExist when there is no cluster to connect to, *SQLError when the server refused.
	Query(ctx context.Context, db Database, sql string, args ...any) ([][]*string, error)
	// Get sends an HTTP GET to a loopback address of the host.
	Get(ctx context.Context, url string, header map[string]string) (Response, error)
	// Connect tries to open (and closes) a connection: network tcp or unix.
	Connect(ctx context.Context, network, addr string) error
	// Look runs a command that cannot change anything: its argv must match the agent's list, else ErrDoor.
	Look(ctx context.Context, argv ...string) (Output, error)
	// AsyncJob looks at a task of this account that was started with async. The error is ErrNotExist when the host knows nothing of it.
	AsyncJob(ctx context.Context, id string) (AsyncJob, error)
	// Clock and randomness; what comes from here must stand in S, in fields tagged private, so that re-checks see the same draw.
	Draw
	// Facts are what was gathered about the host.
	Facts(ctx context.Context) (Facts, error)
}

// Draw is the clock and the source of randomness. Within one call the same
// key gives the same bytes and Now the same time, in every round and re-check.
type Draw interface {
	Now() time.Time
	Random(key string, n int) []byte
}

// Host is a Reader that can also change things. Only Steps and Actions get one.
type Host interface {
	Reader
	// Write puts a file in place atomically: temporary file in the same
	// directory, final mode and owner from the start, fsync, rename.
	Write(ctx context.Context, w Write) error
	// Mkdir makes one directory with its mode and owner; its parent must exist.
	Mkdir(ctx context.Context, path string, a Attr) error
	// Link puts a symbolic (or, with hard, a hard) link at path, replacing a link or file there atomically.
	Link(ctx context.Context, target, path string, hard bool) error
	// SetAttr changes mode, owner, group and times of what is at path, not following a link.
	SetAttr(ctx context.Context, path string, a Attr) error
	// Remove removes what is at path, directories with all they hold. Nothing there is no error.
	Remove(ctx context.Context, path string) error
	// Run runs a command to its end; it is killed with its process group when the call ends. An exit status other than 0 is no error here: it is in Output.
	Run(ctx context.Context, c Command) (Output, error)
	// Job runs a command that must not be cut short (apt, dpkg): it outlives the connection.
	Job(ctx context.Context, c Command) (Output, error)
	// UnitJob asks systemd for start, stop, restart, reload, reload-or-restart (a verb of systemctl) and waits for the job's result.
	UnitJob(ctx context.Context, verb, unit string) (UnitJob, error)
	// Exec runs statements on PostgreSQL, one string, outside a transaction block unless it opens one.
	Exec(ctx context.Context, db Database, sql string) error
	// HTTP sends any request to any address.
	HTTP(ctx context.Context, r Request) (Response, error)
	// Dial opens a connection to any address: TCP, UDP, or TLS over TCP. It is closed when ctx is done.
	Dial(ctx context.Context, d Dial) (Conn, error)
	// Services are the targets of a name's SRV records, HOST:PORT in the order to try. The error is ErrNotExist when it has none.
	Services(ctx context.Context, name string) ([]string, error)
	// Sleep waits, or returns early with ctx's error.
	Sleep(ctx context.Context, d time.Duration) error
	// ForgetAsync removes what is kept of a task that was started with async.
	ForgetAsync(ctx context.Context, id string) error
	// Progress shows a line while the call goes on.
	Progress(text string)
}

// AsyncJob is a task that was started with async. Its Outcome is known when it has Finished.
type AsyncJob struct {
	Finished bool
	Outcome  Outcome
}

// Info describes a path.
type Info struct {
	Name   string
	Kind   string // file, directory, link, or other (device, socket, pipe); what stat calls them
	Mode   uint32 // permission bits with setuid (04000), setgid (02000), sticky (01000)
	UID    int
	GID    int
	Owner  string // name of UID, or its digits when it has none
	Group  string
	Size   int64
	Target string // of a link
	Mtime  time.Time
	Inode  uint64
	Links  uint64
}

// Attr is what SetAttr, Mkdir and Write set; nil leaves as is (Write on a new file: 0644 and the account's own).
type Attr struct {
	Mode  *uint32
	UID   *int
	GID   *int
	Mtime *time.Time
	Atime *time.Time // SetAttr only
}

// Write is a file to be put in place: Bytes, or From when it lives on the controller.
type Write struct {
	Path   string
	Bytes  []byte
	From   *Content // used instead of Bytes when set; may be larger than memory
	Fetch  *Fetch   // used instead of both when set: the host fetches it; may be larger than memory
	Attr   Attr
	Backup bool // keep the old file beside it as PATH.TIME~ (Ansible's backup)
	// Validate is an argv, run with the temporary file's path in place of "%s" before the rename; exit other than 0 refuses the write.
	Validate []string
}

// Fetch is content that the host itself gets by HTTP. Its Timeout is the time without a byte.
type Fetch struct {
	Request
	Sum  hash.Hash // when set, what comes must come to Want (hex)
	Want string
}

// Answered refuses an answer that is not the content; head is the beginning of its body.
func (f Fetch) Answered(status int, head []byte) error {
	if status == 200 {
		return nil
	}
	return WithLines(fmt.Errorf("%s: status %d", f.URL, status), LastLines(string(head[:min(len(head), 2000)]), 5), "")
}

// Whole refuses content of another checksum, once all of it went through Sum.
func (f Fetch) Whole() error {
	if f.Sum == nil {
		return nil
	}
	if got := hex.EncodeToString(f.Sum.Sum(nil)); !strings.EqualFold(got, f.Want) {
		return fmt.Errorf("%s has the checksum %s, not %s", f.URL, got, strings.ToLower(f.Want))
	}
	return nil
}

// Content is bytes that live on the controller. Up to 16 KiB come along in Inline.
type Content struct {
	Name   string `json:"name,omitempty"` // for messages: the source path
	Hash   string `json:"hash"`           // SHA-256, hex
	Size   int64  `json:"size"`
	Mode   string `json:"mode,omitempty"` // of the source file, "0644"
	Inline []byte `json:"inline,omitempty"`
	// Args is what followed the name of a script, as it was written.
	Args string `json:"args,omitempty"`
	// List is, of an archive, content that says what is in it: an Entry in JSON a line. The archive's own bytes are
	// a tar, compressed with gzip, whatever the file on the controller is.
	List *Content `json:"list,omitempty"`
	// Dir tells that it is a folder, which has no bytes of its own. Tree is all
	// that is below it, a folder before what it holds; the Name of each is its
	// path below the folder.
	Dir  bool      `json:"dir,omitempty"`
	Tree []Content `json:"tree,omitempty"`
}

// Files are the contents with bytes: c itself, or those of a folder.
func (c Content) Files() []Content {
	if c.List != nil {
		return []Content{c, *c.List}
	}
	if !c.Dir {
		return []Content{c}
	}
	var out []Content
	for _, e := range c.Tree {
		if !e.Dir {
			out = append(out, e)
		}
	}
	return out
}

// Entry is a file, directory or link of an archive.
type Entry struct {
	Name   string `json:"n"` // below the directory that it is unpacked in
	Kind   string `json:"k"` // file, directory or link, as in Info
	Mode   uint32 `json:"m"`
	Owner  string `json:"o,omitempty"` // name, where the archive has one
	Group  string `json:"g,omitempty"`
	UID    int    `json:"u,omitempty"`
	GID    int    `json:"i,omitempty"`
	Owned  bool   `json:"w,omitempty"` // the archive says who owns it
	Size   int64  `json:"s,omitempty"`
	Hash   string `json:"h,omitempty"` // SHA-256 of a file
	Target string `json:"t,omitempty"` // of a link
	Mtime  int64  `json:"d,omitempty"` // seconds since 1970
}

// User is an account.
type User struct {
	Name  string
	UID   int
	GID   int
	Gecos string
	Home  string
	Shell string
	// Local tells that it stands in /etc/passwd.
	Local bool
	// Groups are the supplementary groups that /etc/group lists it in, sorted (Local only).
	Groups []string
	// Password is the second field of /etc/shadow; "" when it cannot be read.
	Password string
	// Expire is the eighth field of /etc/shadow in days since 1970, -1 when empty.
	Expire int64
}

// Group is a group of accounts.
type Group struct {
	Name    string
	GID     int
	Members []string
	Local   bool
}

// Package is dpkg's record of a package.
type Package struct {
	Name, Arch, Version string
	Want                string // install, hold, deinstall, purge, unknown
	Status              string // installed, config-files, half-configured, unpacked, ...
	Error               string // ok or reinst-required
	Source              string
}

// OK tells that the package is installed and whole.
func (p Package) OK() bool { return p.Status == "installed" && p.Error == "ok" }

// Unit is what systemd knows of a unit; the names are those of its D-Bus properties.
type Unit struct {
	Name             string
	Load             string // LoadState: loaded, not-found, masked, error, ...
	Active           string // ActiveState: active, inactive, failed, activating, ...
	Sub              string // SubState
	File             string // UnitFileState: enabled, disabled, static, masked, ...; "" without a file
	Path             string // FragmentPath
	DropIns          []string
	NeedReload       bool // NeedDaemonReload: the file on disk is newer
	Condition        bool // ConditionResult of the last start
	ConditionAt      uint64
	Result           string // of a service: success, exit-code, ...
	MainPID          int
	Type             string
	ActiveEnter      uint64 // microseconds, monotonic
	InvocationID     string
	CanReload        bool
	NRestarts        int
	StateChange      uint64
	Description      string
	FailedConditions []string // "ConditionPathExists=/x" of those that did not hold
	NoSystemd        bool     // systemd does not run here (a container); only File is known
}

// UnitJob is the end of a systemd job.
type UnitJob struct {
	Result  string // done, failed, canceled, timeout, dependency, skipped, ...
	Unit    Unit   // as it was when the job had ended
	Journal []string
}

// Database says where to connect. The zero value is database postgres of the
// local cluster, through its socket, as account postgres.
type Database struct {
	Name     string // database, "postgres" when empty
	User     string // role, "postgres" when empty
	Account  string // the operating system account whose process connects, "postgres" when empty
	Host     string // host name or socket directory, "/var/run/postgresql" when empty
	Port     int    // 5432 when 0
	Password string
}

// SQLError is what PostgreSQL answered.
type SQLError struct {
	Code    string // SQLSTATE
	Message string
	Detail  string
	Hint    string
}

func (e *SQLError) Error() string {
	s := e.Message + " (SQLSTATE " + e.Code + ")"
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// Command is a process to run. Never put a secret into Argv or Env.
type Command struct {
	Argv  []string
	Dir   string            // "/" when empty
	Env   map[string]string // added to the account's clean environment and the task's
	Stdin []byte
	// Temp is a file that is there while the command runs, in a directory that nobody else may enter: its Path is
	// a name, its mode 0700 unless given. A word of Argv that is TempPath stands for where it is.
	Temp *Write
}

// TempPath is the word of a Command's Argv that stands for its Temp file.
const TempPath = "%s"

// Output is the end of a process.
type Output struct {
	Argv           []string
	Exit           int // 128+N when ended by signal N
	Stdout, Stderr []byte
	Start, End     time.Time
}

// CommandError is a command that ended with another exit status than 0.
type CommandError struct {
	Argv   []string
	Exit   int
	Stderr string
}

func (e *CommandError) Error() string {
	return commandText(e.Argv) + ": exit status " + itoa(e.Exit)
}

// Err is nil for exit status 0, else a *CommandError.
func (o Output) Err() error {
	if o.Exit == 0 {
		return nil
	}
	return &CommandError{Argv: o.Argv, Exit: o.Exit, Stderr: string(o.Stderr)}
}

// Request is an HTTP request.
type Request struct {
	Method   string // GET when empty
	URL      string
	Header   map[string]string
	Body     []byte
	Follow   string            // redirects: safe (GET and HEAD, the default), all, none
	Insecure bool              // do not verify the server's certificate
	CAFile   string            // trust the certificates in this file too
	Unix     string            // connect to this socket instead of the URL's host
	Resolve  map[string]string // addresses of names, in place of what the resolver says
	Connect  string            // HOST:PORT to connect to instead of the URL's, whose host the certificate must still be for
	Zeros    int64             // send that many zero bytes as body, once the server has seen the header and wants them
	Timeout  time.Duration
	User     string // basic authentication
	Password string
}

// Response is the answer to a Request; Body is at most 16 MiB.
type Response struct {
	Status int
	Header map[string][]string
	Body   []byte
	URL    string // after redirects
	// Elapsed is how long the answer took, headers and body.
	Elapsed time.Duration
}

// Dial says where to connect.
type Dial struct {
	Network  string // tcp when empty, or udp
	Addr     string // HOST:PORT
	Resolve  map[string]string
	TLS      bool
	Name     string // that the certificate must be for; Addr's host when empty
	CAFile   string // trust the certificates in this file too
	Insecure bool   // go on with a certificate that is not valid: Conn.TLS tells why it is not
	Timeout  time.Duration
}

// Conn is a connection.
type Conn interface {
	io.ReadWriteCloser
	// Patience ends each later Read that waits longer, with context.DeadlineExceeded; the connection stays open.
	Patience(d time.Duration)
	// TLS is what the handshake showed, nil without TLS.
	TLS() *TLS
	// Peer is the address at the other end.
	Peer() string
}

// TLS is what a handshake showed.
type TLS struct {
	Version string   // TLS 1.3
	Chain   [][]byte // certificates in DER as the server sent them, its own first
	Invalid string   // why they are not valid for the name, "" when they are
}
