package boot

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/mxplay/mxplay/runner/wire"
)

// maxNoise is how much a login shell may print before its command runs.
const maxNoise = 1 << 20

// Answer is what came of starting the agent.
type Answer struct {
	Ready bool   // the agent runs: its frames follow in the reader
	Need  string // the architecture whose binary is to be sent now
	Noise []byte // what else was printed, for messages
}

// Error says why the host cannot run an agent.
type Error struct {
	Arch string   // the host's machine, when there is no agent for it
	Dirs []string // what is wrong with each directory, otherwise
}

func (e *Error) Error() string {
	if e.Arch != "" {
		return "there is no agent for this host's architecture, " + e.Arch
	}
	return "no directory on the host can hold the agent: " + strings.Join(e.Dirs, "; ")
}

// ErrEnded says that the host's side ended without an answer.
var ErrEnded = errors.New("the host ended the connection before the agent began")

// Read waits for the script's next answer or the agent's magic.
func Read(r *bufio.Reader) (Answer, error) {
	var a Answer
	for {
		line, err := readLine(r, maxNoise)
		if cut, ok := bytes.CutSuffix(line, []byte(wire.Magic)); ok {
			a.Ready = true
			a.Noise = append(a.Noise, cut...)
			return a, nil
		}
		if text, ok := strings.CutPrefix(string(line), "mxplay-boot "); ok && err == nil {
			kind, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
			switch kind {
			case "need":
				a.Need = rest
				return a, nil
			case "error":
				return a, bootError(rest)
			}
		}
		a.Noise = append(a.Noise, line...)
		switch {
		case errors.Is(err, io.EOF):
			return a, ErrEnded
		case err != nil:
			return a, err
		case len(a.Noise) > maxNoise:
			return a, fmt.Errorf("the host printed more than %d MiB and no agent began", maxNoise>>20)
		}
	}
}

// readLine is one line with its end, or what there is of it at an error or at the limit.
func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	var out []byte
	for len(out) < limit {
		part, err := r.ReadSlice('\n')
		out = append(out, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return out, err
		}
	}
	return out, nil
}

func bootError(text string) error {
	kind, rest, _ := strings.Cut(text, " ")
	if kind == "arch" {
		return &Error{Arch: rest}
	}
	return &Error{Dirs: strings.Split(strings.TrimPrefix(rest, "; "), "; ")}
}
