// Package boot starts the agent on a host that has nothing but a POSIX shell:
// one script, given as the argument of the remote command, that execs the
// cached agent or asks for it, installs it and execs it. The controller sends
// it over SSH; the first agent uses it again to start agents in other
// accounts through sudo, su and doas.
package boot

import (
	"fmt"
	"regexp"
	"strings"
)

// Binary is an agent that could be started. A host takes the one of its architecture.
type Binary struct {
	Arch string // GOARCH: amd64, arm64, arm
	Hash string // SHA-256 of the binary, hex: a part of its file name
	Size int64  // of the binary
	Sent int64  // bytes that will be sent when it is needed: the gzip's size, or Size with Plain
}

// Start says how the agent is to be started.
type Start struct {
	Binaries []Binary
	Dirs     []string // directories to try in order; Dirs() when empty
	Args     []string // of the agent
	Plain    bool     // the binary is sent as it is rather than as gzip
	Force    bool     // install anew even if the cached one looks right
}

// Name is the agent's file name in its directory.
func Name(hash string) string { return "mxplay-agent-" + hash }

// Dirs are the directories that are tried, in order. $HOME and $u (the uid) are filled in on the host.
func Dirs() []string {
	return []string{"${HOME:-/nonexistent}/.cache/mxplay", "/var/tmp/mxplay-$u", "/run/user/$u/mxplay", "/dev/shm/mxplay-$u"}
}

// machines are uname's words for the architectures.
var machines = map[string]string{
	"amd64": "x86_64|amd64",
	"arm64": "aarch64|arm64",
	"arm":   "armv7*|armv8*|armhf",
}

var (
	plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:=@,+-]+$`)
	dirWord   = regexp.MustCompile(`^[A-Za-z0-9_./:=@,+ ${}-]+$`)
	hashWord  = regexp.MustCompile(`^[0-9a-f]{8,64}$`)
)

// The script is one line without single quote, backslash, newline or
// exclamation mark, so that sh, csh and fish pass it on as it is. It reads
// from stdin only what was sent after it had asked: whoever feeds it sends no
// more than that before it has seen the agent's magic.
//
// The temporary file is tried as a program while it is empty: a shell runs
// that with success unless the directory is mounted noexec. Nobody else can
// enter the directory, so the file itself may be 0755: an agent of root's
// starts it again as other accounts, through an open descriptor.
const script = `set -f; umask 077; ` +
	`case $(uname -m) in %ARCHES% *) echo; echo mxplay-boot error arch $(uname -m); exit 1;; esac; ` +
	`u=$(id -u); f=mxplay-agent-$h; p=.mxplay-$$; w=; ` +
	`for d in %DIRS%; do ` +
	`if [ -L "$d" ]; then w="$w; $d: is a symbolic link"; continue; fi; ` +
	`if cd "$d" 2>/dev/null || { e=$(mkdir -p "$d" 2>&1) && cd "$d"; } 2>/dev/null; then :; else w="$w; $d: cannot be made"; continue; fi; ` +
	`set -- $(ls -ldn . $f 2>/dev/null); ` +
	`if [ "$3" = "$u" ]; then :; else w="$w; $d: belongs to uid $3"; continue; fi; ` +
	`case $1 in drwx------|drwx------.) ;; *) w="$w; $d: has mode $1 and not 0700"; continue;; esac; ` +
	`if [ "${14}" = $s ] && [ -x $f ] && [ %FORCE% = 0 ]; then exec ./$f %ARGS%; fi; ` +
	`( : >$p && chmod 755 $p && ./$p </dev/null ) >/dev/null 2>&1; r=$?; ` +
	`case $r in 0) ;; 126) rm -f $p; w="$w; $d: is mounted noexec"; continue;; *) rm -f $p 2>/dev/null; w="$w; $d: cannot be written"; continue;; esac; ` +
	`echo; echo mxplay-boot need $a; ` +
	`e=$(head -c $n | { %UNPACK% 2>&1 >$p; r=$?; cat >/dev/null; exit $r; }); r=$?; ` +
	`set -- $(ls -ln $p); ` +
	`if [ $r = 0 ] && [ "$5" = $s ] && chmod 755 $p && { sync $p 2>/dev/null || sync; } && mv -f $p $f; then exec ./$f %ARGS%; fi; ` +
	`rm -f $p; w="$w; $d: ${e:-got $5 bytes of $s}"; ` +
	`done; echo; echo mxplay-boot error dir $w; exit 1`

// Script is the script, for the argument of `sh -c`.
func (s Start) Script() (string, error) {
	var arches strings.Builder
	for _, b := range s.Binaries {
		m, ok := machines[b.Arch]
		if !ok || !hashWord.MatchString(b.Hash) {
			return "", fmt.Errorf("no agent can be started for architecture %q, hash %q", b.Arch, b.Hash)
		}
		fmt.Fprintf(&arches, "%s) a=%s; h=%s; s=%d; n=%d;; ", m, b.Arch, b.Hash, b.Size, b.Sent)
	}
	dirs := s.Dirs
	if len(dirs) == 0 {
		dirs = Dirs()
	}
	var quoted []string
	for _, d := range dirs {
		if !dirWord.MatchString(d) {
			return "", fmt.Errorf("the agent's directory %q holds characters that it cannot", d)
		}
		if !strings.HasPrefix(d, "/") && !strings.HasPrefix(d, "$") {
			return "", fmt.Errorf("the agent's directory %q is not absolute", d)
		}
		quoted = append(quoted, `"`+d+`"`)
	}
	for _, a := range s.Args {
		if !plainWord.MatchString(a) {
			return "", fmt.Errorf("the agent's argument %q holds characters that it cannot", a)
		}
	}
	unpack, force := "gzip -dc", "0"
	if s.Plain {
		unpack = "cat"
	}
	if s.Force {
		force = "1"
	}
	return strings.NewReplacer(
		"%ARCHES%", arches.String(), "%DIRS%", strings.Join(quoted, " "), "%FORCE%", force,
		"%ARGS%", strings.Join(s.Args, " "), "%UNPACK%", unpack,
	).Replace(script), nil
}

// Command is the script as a remote command line, for whatever login shell reads it.
func (s Start) Command() (string, error) {
	text, err := s.Script()
	if err != nil {
		return "", err
	}
	return "exec /bin/sh -c '" + text + "'", nil
}
