package wire

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Magic is what the agent writes before its first frame. What comes before it
// on the connection is the noise of a login shell. The first byte is one that
// no greeting holds.
const Magic = "\x00mxplay-wire-1\n"

const (
	// MaxFrame is how long a frame's body may be.
	MaxFrame = 1 << 20
	// MaxMessage is how long a message may be that goes in several frames.
	MaxMessage = 96 << 20
	// Chunk is how content is cut.
	Chunk = 32 << 10
	// Window is how many bytes of a content may be on their way.
	Window = 2 << 20

	headerLen = 9
	piece     = 64 << 10 // how long messages are cut, so that others pass between
)

// Type is the kind of a frame.
type Type byte

// The kinds of frame. Those up to TAnswer and TPath, TFail carry JSON.
const (
	THello   Type = 1  // agent: Hello
	TWelcome Type = 2  // controller: Welcome
	TCall    Type = 3  // controller: Call
	TEvent   Type = 4  // agent: Event
	TResult  Type = 5  // agent: Result
	TNeed    Type = 6  // agent: Need
	TBlob    Type = 7  // bytes of the stream; an empty body ends it
	TCredit  Type = 8  // uint32: so many bytes of the stream were taken
	TCancel  Type = 9  // controller: Cancel
	TPing    Type = 10 // either side; answered by a Pong with the same body
	TPong    Type = 11
	TPath    Type = 12 // controller, instead of Blob: the content lies in this file on the host
	TFail    Type = 13 // instead of Blob, or in its midst: the content cannot be had
	TAsk     Type = 14 // controller, after a reconnect: Ask
	TAnswer  Type = 15 // agent: Answer
	TRefused Type = 16 // agent: Refused, instead of going on after Welcome
	TPending Type = 17 // controller: Pending

	// more marks a frame whose message goes on in the next frame of its type and stream.
	more Type = 0x80
)

var typeNames = map[Type]string{
	THello: "Hello", TWelcome: "Welcome", TCall: "Call", TEvent: "Event", TResult: "Result", TNeed: "Need",
	TBlob: "Blob", TCredit: "Credit", TCancel: "Cancel", TPing: "Ping", TPong: "Pong", TPath: "Path",
	TFail: "Fail", TAsk: "Ask", TAnswer: "Answer", TRefused: "Refused", TPending: "Pending",
}

func (t Type) String() string {
	if s, ok := typeNames[t&^more]; ok {
		return s
	}
	return fmt.Sprintf("type %d", byte(t))
}

// Errors of a broken connection.
var (
	ErrFormat  = errors.New("the other side does not speak the protocol")
	ErrSilence = errors.New("the other side is silent")
)

// Frame is one message, or one chunk of a content.
type Frame struct {
	Type   Type
	Stream uint32
	Body   []byte
}

// Into decodes a frame's JSON.
func (f Frame) Into(v any) error {
	if err := json.Unmarshal(f.Body, v); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrFormat, f.Type, err)
	}
	return nil
}

// ReadFrame reads one frame as it stands on the wire. io.EOF means that the
// other side ended between two frames.
func ReadFrame(r io.Reader) (Frame, error) {
	var h [headerLen]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return Frame{}, err
	}
	n := binary.BigEndian.Uint32(h[:4])
	f := Frame{Type: Type(h[4]), Stream: binary.BigEndian.Uint32(h[5:])}
	if n > MaxFrame {
		return Frame{}, fmt.Errorf("%w: a frame of %d bytes", ErrFormat, n)
	}
	if _, ok := typeNames[f.Type&^more]; !ok {
		return Frame{}, fmt.Errorf("%w: frame of type %d", ErrFormat, h[4])
	}
	if n == 0 {
		return f, nil
	}
	f.Body = make([]byte, n)
	if _, err := io.ReadFull(r, f.Body); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return Frame{}, err
	}
	return f, nil
}

// AppendFrame adds a frame as it stands on the wire to b.
func AppendFrame(b []byte, f Frame) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(f.Body)))
	b = append(b, byte(f.Type))
	b = binary.BigEndian.AppendUint32(b, f.Stream)
	return append(b, f.Body...)
}
