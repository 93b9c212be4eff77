package remote

import (
	"context"
	"errors"

	"github.com/mxplay/mxplay/runner/wire"
)

// Dialer makes the connections of one run. Its methods may be called by many goroutines.
type Dialer struct{ o Options }

// NewDialer makes a Dialer. Close it after its connections.
func NewDialer(o Options) *Dialer { return &Dialer{o: o} }

// Dial connects to a host and starts the agent there. Errors are
// *UnreachableError, but for ErrNoAgent and an end of ctx.
func (d *Dialer) Dial(ctx context.Context, t Target) (*Conn, error) { return nil, errors.ErrUnsupported }

// Close ends the connections to jump hosts.
func (d *Dialer) Close() error { return nil }

// Conn is a connection to the agent of a host.
type Conn struct{}

// Hello is what the agent said first.
func (c *Conn) Hello() wire.Hello { return wire.Hello{} }

// Start sends a call and does not wait for anything; calls run in the order
// they were started. It sets call.ID. onEvent may be nil; it must not block.
func (c *Conn) Start(call wire.Call, onEvent func(wire.Event)) *Pending { return nil }

// Cancel lets the agent end what it does; calls that have not begun will not.
func (c *Conn) Cancel() {}

// Close ends the connection; the agent ends with it.
func (c *Conn) Close() error { return nil }

// Err is why the connection is over, nil while it is not.
func (c *Conn) Err() error { return nil }

// Pending is a call whose results are to come.
type Pending struct{ ID uint64 }

// Next is the next result of the call, in the order of items; false after the last.
func (p *Pending) Next(ctx context.Context) (wire.Result, bool, error) {
	return wire.Result{}, false, errors.ErrUnsupported
}
