package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/crypto/cryptohelper"
	"maunium.net/go/mautrix/event"
)

// place is where a person has an account.
type place struct {
	Homeserver string `json:"homeserver"` // base URL
	Address    string `json:"address"`    // where all its names are found; by DNS unless given
	Trust      string `json:"trust"`      // PEM of the certificates to trust; the system's unless given
	User       string `json:"user"`
	Password   string `json:"password"`
}

// person is a client that is logged in, and what its syncs have brought.
type person struct {
	*mautrix.Client

	mu      sync.Mutex
	events  []*event.Event // in the order of arrival, decrypted ones once more
	more    chan struct{}  // closed when one arrives
	failed  []failure
	retried map[string]int
	limited int // syncs that left messages out
}

// failure is a request that the client gave up.
type failure struct {
	At     time.Time `json:"at"`
	User   string    `json:"user"`
	What   string    `json:"what"`
	Status int       `json:"status,omitempty"`
	Error  string    `json:"error,omitempty"`
}

// login takes as long as ctx allows; the syncs go on for as long as life.
func login(ctx, life context.Context, w place) (*person, error) {
	c, err := mautrix.NewClient(w.Homeserver, "", "")
	if err != nil {
		return nil, err
	}
	p := &person{Client: c, more: make(chan struct{}), retried: map[string]int{}}
	transport, err := w.transport()
	if err != nil {
		return nil, err
	}
	p.observe(transport)
	c.StateStore = mautrix.NewMemoryStateStore()
	c.Syncer = syncer{mautrix.NewDefaultSyncer(), p}
	_, err = c.Login(ctx, &mautrix.ReqLogin{
		Type:             mautrix.AuthTypePassword,
		Identifier:       mautrix.UserIdentifier{Type: mautrix.IdentifierTypeUser, User: w.User},
		Password:         w.Password,
		StoreCredentials: true,
	})
	if err != nil {
		return nil, err
	}
	return p, p.begin(ctx, life)
}

// observe notes what becomes of requests.
func (p *person) observe(transport http.RoundTripper) {
	p.Client.Client.Transport = counter{p, transport}
	// as many as mautrix gives its bridges; the time between is its own, 4 s and then twice the last
	p.DefaultHTTPRetries = 4
	p.ResponseHook = p.answered
}

// begin publishes the keys of the device, and syncs from now on.
func (p *person) begin(ctx, life context.Context) error {
	s := p.Syncer.(syncer)
	s.FilterJSON = &mautrix.Filter{Room: &mautrix.RoomFilter{Timeline: &mautrix.FilterPart{Limit: 500}}}
	s.OnSync(p.synced)
	s.OnEvent(p.StateStoreSyncHandler)
	helper, err := cryptohelper.NewCryptoHelper(p.Client, []byte("lab"), crypto.NewMemoryStore(nil))
	if err != nil {
		return err
	}
	helper.DecryptErrorCallback = func(e *event.Event, err error) {
		p.fail(failure{What: "decrypt " + string(e.ID), Error: err.Error()})
	}
	if err := helper.Init(ctx); err != nil {
		return err
	}
	p.Crypto = helper
	s.OnEvent(p.arrived) // after those who have to know it first
	go func() {
		if err := p.SyncWithContext(life); life.Err() == nil {
			p.fail(failure{What: "sync ended", Error: fmt.Sprint(err)})
		}
	}()
	return nil
}

func (w place) transport() (http.RoundTripper, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	if w.Address != "" {
		t.Proxy = nil
		t.DialContext = func(ctx context.Context, network, target string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(target)
			if err != nil {
				return nil, err
			}
			return (&net.Dialer{Timeout: 30 * time.Second}).DialContext(ctx, network, net.JoinHostPort(w.Address, port))
		}
	}
	if w.Trust != "" {
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM([]byte(w.Trust)) {
			return nil, errors.New("trust: no certificate in it")
		}
		t.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	return t, nil
}

// counter counts the answers that mautrix tries again after.
type counter struct {
	p    *person
	next http.RoundTripper
}

func (c counter) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := c.next.RoundTrip(r)
	switch {
	case err != nil && r.Context().Err() == nil:
		c.p.retry("no answer")
	case err == nil && passing(res.StatusCode):
		c.p.retry(res.Status)
	}
	return res, err
}

// passing tells whether a client that gets this asks once more.
func passing(status int) bool { return slices.Contains([]int{429, 502, 503, 504}, status) }

// syncer is mautrix's own, which tries again after ten seconds.
type syncer struct {
	*mautrix.DefaultSyncer
	p *person
}

func (s syncer) OnFailedSync(res *mautrix.RespSync, err error) (time.Duration, error) {
	s.p.retry("sync again")
	return s.DefaultSyncer.OnFailedSync(res, err)
}

// answered sees the end of each request, after all its retries. A sync has
// none, mautrix begins the next one instead.
func (p *person) answered(r *http.Request, res *http.Response, err error, _ time.Duration) {
	f := failure{What: r.Method + " " + r.URL.Path}
	sync := r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/_matrix/client/v3/sync")
	switch {
	case sync && (err != nil || passing(res.StatusCode)):
		return
	case errors.Is(err, context.Canceled):
		return
	case err != nil:
		f.Error = err.Error()
	case res.StatusCode < 300:
		return
	default:
		f.Status = res.StatusCode
	}
	p.fail(f)
}

func (p *person) fail(f failure) {
	f.At, f.User = time.Now().UTC(), string(p.UserID)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = append(p.failed, f)
}

func (p *person) retry(why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retried[why]++
}

func (p *person) synced(_ context.Context, res *mautrix.RespSync, since string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range res.Rooms.Join {
		if since != "" && r.Timeline.Limited {
			p.limited++
		}
	}
	return true
}

func (p *person) arrived(_ context.Context, e *event.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, e)
	close(p.more)
	p.more = make(chan struct{})
}

// await returns the first event that is looked for, one that came already or
// one that comes while there is time.
func (p *person) await(ctx context.Context, what string, is func(*event.Event) bool) (*event.Event, error) {
	for seen := 0; ; {
		p.mu.Lock()
		events, more := p.events, p.more
		p.mu.Unlock()
		for _, e := range events[seen:] {
			if is(e) {
				return e, nil
			}
		}
		seen = len(events)
		select {
		case <-more:
		case <-ctx.Done():
			return nil, fmt.Errorf("%s saw no %s among %d events; requests that failed: %+v", p.UserID, what, seen, p.failures())
		}
	}
}

func (p *person) failures() []failure {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.failed)
}
