package agent

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// draw is the clock and the randomness of one item: the same in every round.
type draw struct {
	now  time.Time
	seed [32]byte
}

func newDraw() draw {
	d := draw{now: time.Now()}
	_, _ = rand.Read(d.seed[:])
	return d
}

// Now is when the item began.
func (d *draw) Now() time.Time { return d.now }

// Random is n bytes that depend on the item and the key only.
func (d *draw) Random(key string, n int) []byte {
	var out []byte
	for i := uint64(0); len(out) < n; i++ {
		m := hmac.New(sha256.New, d.seed[:])
		_ = binary.Write(m, binary.BigEndian, i)
		m.Write([]byte(key))
		out = m.Sum(out)
	}
	return out[:n]
}
