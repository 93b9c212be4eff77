package runner

import (
	"context"

	"github.com/mxplay/mxplay/runner/remote"
	"github.com/mxplay/mxplay/runner/wire"
)

// dialer makes the connections of a run; remote's is the one that goes anywhere.
type dialer interface {
	Dial(context.Context, remote.Target) (link, error)
	Close() error
}

// link is a connection to a host's agent. Calls are answered in the order in
// which they were started.
type link interface {
	Hello() wire.Hello
	Start(wire.Call, func(wire.Event)) answers
	Remember(wire.Pending)        // without waiting
	Settle(context.Context) error // waits until what was sent has been taken
	Err() error                   // why it is over, nil while it is not
	Close() error
}

// answers are the results of a call, to be taken one by one: false after the last.
type answers interface {
	Next(context.Context) (wire.Result, bool, error)
}

// remoteDialer is remote's dialer as the runner sees it.
type remoteDialer struct{ *remote.Dialer }

func (d remoteDialer) Dial(ctx context.Context, t remote.Target) (link, error) {
	c, err := d.Dialer.Dial(ctx, t)
	if err != nil {
		return nil, err
	}
	return remoteLink{c}, nil
}

type remoteLink struct{ *remote.Conn }

func (l remoteLink) Start(c wire.Call, onEvent func(wire.Event)) answers {
	return l.Conn.Start(c, onEvent)
}
