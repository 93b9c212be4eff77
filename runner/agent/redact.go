package agent

import (
	"fmt"
	"io"
	"sort"
	"strings"
	"sync"
	"time"
)

// redactor is a log that replaces secrets. Shorter ones than six characters
// would eat ordinary words and are left, as the report does.
type redactor struct {
	mu      sync.Mutex
	w       io.Writer
	secrets map[string]bool
	order   []string // longest first
}

const minSecret = 6

func newRedactor(w io.Writer) *redactor { return &redactor{w: w, secrets: map[string]bool{}} }

// add makes more secrets known; a long text's lines count each.
func (r *redactor) add(secrets []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range secrets {
		for _, p := range append(strings.Split(s, "\n"), s) {
			if p = strings.TrimSpace(p); len(p) >= minSecret && !r.secrets[p] {
				r.secrets[p] = true
				r.order = append(r.order, p)
			}
		}
	}
	sort.Slice(r.order, func(i, j int) bool { return len(r.order[i]) > len(r.order[j]) })
}

// clean is text with *** for every secret.
func (r *redactor) clean(text string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.order {
		text = strings.ReplaceAll(text, s, "***")
	}
	return text
}

func (r *redactor) printf(format string, args ...any) {
	text := r.clean(strings.TrimRight(fmt.Sprintf(format, args...), "\n"))
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.w, "%s %s\n", time.Now().UTC().Format("15:04:05.000"), text)
}
