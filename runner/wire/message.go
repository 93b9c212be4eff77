// Package wire is what mxplay and its agent say to each other: frames of at
// most 1 MiB, JSON for control, raw bytes for content and output.
package wire

import (
	"encoding/json"

	"github.com/mxplay/mxplay/modules"
)

// Hello is the agent's first frame.
type Hello struct {
	Version string        `json:"version"` // SHA-256 of the agent's own binary, as in its path
	PID     int           `json:"pid"`
	User    string        `json:"user"`
	UID     int           `json:"uid"`
	Home    string        `json:"home"`
	Dir     string        `json:"dir"`  // where the agent lies and large content is put
	Arch    string        `json:"arch"` // GOARCH it was built for
	Facts   modules.Facts `json:"facts"`
	Boot    string        `json:"boot"`              // another one each time the host starts
	Pending []Pending     `json:"pending,omitempty"` // what earlier runs left
}

// Pending are the handlers that were notified on a host and have not run yet.
// The agent keeps them for the next run.
type Pending struct {
	Host     string    `json:"host"` // the inventory's name
	Handlers []Handler `json:"handlers,omitempty"`
}

// Handler is a handler by its names.
type Handler struct {
	Book string `json:"book"` // the playbook's file name
	Role string `json:"role,omitempty"`
	Name string `json:"name"`
}

// Welcome is the controller's answer; it may come together with the first Call.
type Welcome struct {
	Run     string   `json:"run"`               // id of the run, for the lock
	Host    string   `json:"host,omitempty"`    // the inventory's name: an older agent of the same run and host is ended first
	Who     string   `json:"who"`               // user@machine, for the lock's message
	Check   bool     `json:"check"`             // check mode: the lock is shared
	Silence int      `json:"silence"`           // milliseconds without a frame after which the other side is taken for gone
	Facts   []string `json:"facts,omitempty"`   // dear facts that are wanted
	Secrets []string `json:"secrets,omitempty"` // replaced in the log; those of a call come with it

	// Of an agent for another account, from the first agent.
	Child int `json:"child,omitempty"` // its number, in the high byte of the streams it asks content on
}

// Refused ends a connection before any call: the lock is held by another run, for instance.
type Refused struct {
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"`
}

// Account is who a call runs as. The zero Account is the connection's own.
type Account struct {
	User     string `json:"user,omitempty"`
	Method   string `json:"method,omitempty"` // sudo (when empty), su, doas
	Password string `json:"password,omitempty"`
	HasPass  bool   `json:"has_pass,omitempty"`
	Exe      string `json:"exe,omitempty"`   // the method's program, when it is not the one of its name
	Flags    string `json:"flags,omitempty"` // added to the method's command
}

// Call asks for a task; its items are a loop's, else there is one.
type Call struct {
	ID      uint64            `json:"id"`
	Task    string            `json:"task"`
	Account Account           `json:"account"`
	Items   []Item            `json:"items"`
	Plan    bool              `json:"plan,omitempty"`    // check mode
	Key     []byte            `json:"key,omitempty"`     // for the hash over steps
	Chain   bool              `json:"chain,omitempty"`   // begin only if no call before it in the chain failed
	Env     map[string]string `json:"env,omitempty"`     // for the processes it starts
	Timeout int64             `json:"timeout,omitempty"` // milliseconds for each item, 0 for none
	Secrets []string          `json:"secrets,omitempty"` // replaced in Events and the log
	Async   int64             `json:"async,omitempty"`   // each item is a job that outlives the connection, for so many seconds at most
	Poll    int64             `json:"poll,omitempty"`    // of Async: seconds between two words about it; 0: it is not waited for
	First   int               `json:"first,omitempty"`   // number of the first item, when those before it had been answered over an earlier line
}

// Item is one set of arguments.
type Item struct {
	Args   json.RawMessage `json:"args"`
	Expect string          `json:"expect,omitempty"`
}

// Result ends one item. NotBegun says that a call of the chain before it failed
// or that the run was cancelled: nothing was done. A Result that is NotBegun or
// Refused is the call's last and stands for its items from Item on.
type Result struct {
	ID       uint64 `json:"id"`
	Item     int    `json:"item"`
	Last     bool   `json:"last"` // of the call
	NotBegun bool   `json:"not_begun,omitempty"`
	// Refused is an error of the agent itself (no such account, wrong password, lock held): no task ran.
	Refused string          `json:"refused,omitempty"`
	NoUser  bool            `json:"no_user,omitempty"` // with Refused: the account to work as is not there
	Start   int64           `json:"start,omitempty"`   // microseconds since 1970
	End     int64           `json:"end,omitempty"`
	Job     string          `json:"job,omitempty"` // of Async: its id
	Outcome modules.Outcome `json:"outcome"`
}

// Event is a line of progress.
type Event struct {
	ID   uint64 `json:"id"`
	Item int    `json:"item"`
	Text string `json:"text"`
}

// Need asks the controller for content by its hash.
type Need struct {
	ID     uint64 `json:"id"`
	Hash   string `json:"hash"`
	Stream uint32 `json:"stream"` // the Blob frames that answer carry it
}

// Cancel ends a call; 0 ends all.
type Cancel struct {
	ID uint64 `json:"id"`
}

// Path answers a Need: the content lies in a file on the host, which the agent takes away after use.
type Path struct {
	Path string `json:"path"`
}

// Fail answers a Need: the content cannot be had.
type Fail struct {
	Text string `json:"text"`
}

// Ask wants to know what became of calls that an earlier connection of the same run sent.
type Ask struct {
	IDs []uint64 `json:"ids"`
}

// Answer tells what became of one call.
type Answer struct {
	ID uint64 `json:"id"`
	// State is "done" (Results hold every item), "running" (a job of it goes on), "none" (it never began: send it
	// again) or "unknown" (it began and how it ended is not known).
	State   string   `json:"state"`
	Results []Result `json:"results,omitempty"`
}
