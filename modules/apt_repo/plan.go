package aptrepo

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/apt"
)

func plan(a Args, s State) ([]modules.Step, error) {
	if a.State == "absent" {
		return planAbsent(a, s), nil
	}
	if s.KeyError != "" {
		return nil, errors.New(s.KeyError)
	}
	if a.SignedBy != "" && !a.hasKey() {
		switch {
		case !s.Have.Exists:
			return nil, modules.NotYetf("there is no key at %s", s.Keyring)
		case s.Have.Bad != "":
			return nil, fmt.Errorf("%s: %s", s.Keyring, s.Have.Bad)
		}
	}
	var steps []modules.Step
	for _, o := range s.Old {
		steps = append(steps, oldStep(o))
	}
	steps = append(steps, keySteps(a, s)...)
	if text := a.deb822(); s.Text != text || s.Mode != 0o644 {
		st := modules.Step{What: "write " + s.Source, From: s.Text, To: text}
		if s.Text == text {
			st.What, st.From, st.To = "set the mode of "+s.Source, modules.ModeText(s.Mode), "0644"
		}
		st.Do = func(ctx context.Context, h modules.Host) error { return put(ctx, h, s.Source, []byte(text)) }
		steps = append(steps, st)
	}
	if a.UpdateCache && a.Enabled && (len(steps) > 0 || s.Stale != "") {
		why := s.Stale
		if len(steps) > 0 {
			why = "the source changes"
		}
		steps = append(steps, updateStep(a, why))
	}
	return steps, nil
}

func planAbsent(a Args, s State) []modules.Step {
	var steps []modules.Step
	for _, o := range s.Old {
		steps = append(steps, oldStep(o))
	}
	if s.Text != "" || s.Mode != 0 {
		steps = append(steps, removeStep(s.Source, s.Text))
	}
	update := len(steps) > 0
	if s.Have.Exists && !s.KeyUsed && s.Keyring == defaultKeyring(a.Name) {
		steps = append(steps, removeStep(s.Keyring, ""))
	}
	if update && a.UpdateCache {
		steps = append(steps, updateStep(a, "a source goes"))
	}
	return steps
}

func updateStep(a Args, why string) modules.Step {
	return modules.Step{
		What: "update apt's lists", From: why, Event: true,
		Do: func(ctx context.Context, h modules.Host) error { return apt.Update(ctx, h, a.LockTimeout) },
	}
}

func oldStep(o leftover) modules.Step {
	if o.Gone {
		return removeStep(o.Path, o.From)
	}
	return modules.Step{
		What: "take the repository's old line out of " + o.Path, From: o.From, To: o.To,
		Do: func(ctx context.Context, h modules.Host) error {
			return h.Write(ctx, modules.Write{Path: o.Path, Bytes: []byte(o.To), Attr: modules.Attr{Mode: &o.Mode}})
		},
	}
}

func removeStep(p, text string) modules.Step {
	return modules.Step{
		What: "remove " + p, From: text,
		Do: func(ctx context.Context, h modules.Host) error { return h.Remove(ctx, p) },
	}
}

func keySteps(a Args, s State) []modules.Step {
	var steps []modules.Step
	write := func(what string, from, to []string, do func(context.Context, modules.Host) error) {
		for _, d := range s.Dirs {
			steps = append(steps, modules.Step{What: "make " + d, Do: func(ctx context.Context, h modules.Host) error {
				mode := uint32(0o755)
				return h.Mkdir(ctx, d, modules.Attr{Mode: &mode})
			}})
		}
		steps = append(steps, modules.Step{What: what, From: lines(from), To: lines(to), Do: do})
	}
	pinned := a.pinned()
	switch {
	case !a.hasKey():
	case s.Want != nil:
		write("write the key "+s.Keyring, s.Fingerprints, s.WantPrint, func(ctx context.Context, h modules.Host) error {
			return put(ctx, h, s.Keyring, s.Want)
		})
	case a.KeyURL != "" && (!s.Have.Exists || s.Have.Bad != "" || !slices.Equal(s.Fingerprints, pinned)):
		write("fetch the key "+a.KeyURL, s.Fingerprints, pinned, fetch(a, s))
	case a.KeyURL != "" && s.Have.Renew && (s.Have.Expired || !s.Have.Recent):
		write("fetch the key "+a.KeyURL+" again", []string{"ends on " + s.Expires}, pinned, fetch(a, s))
		steps[len(steps)-1].Event = true // its owner may not have made it last longer yet
	case s.Have.Armour:
		write("write "+s.Keyring+" in binary form", []string{"armoured"}, []string{"binary"}, func(ctx context.Context, h modules.Host) error {
			b, err := h.ReadFile(ctx, s.Keyring)
			if err != nil {
				return err
			}
			if b, _, err = readKey(b, pinned); err != nil {
				return err
			}
			return put(ctx, h, s.Keyring, b)
		})
	case s.Have.Mode != 0o644:
		write("set the mode of "+s.Keyring, []string{modules.ModeText(s.Have.Mode)}, []string{"0644"}, func(ctx context.Context, h modules.Host) error {
			mode := uint32(0o644)
			return h.SetAttr(ctx, s.Keyring, modules.Attr{Mode: &mode})
		})
	}
	return steps
}

// fetch gets the key from its URL and keeps it if it is the pinned one.
func fetch(a Args, s State) func(context.Context, modules.Host) error {
	return func(ctx context.Context, h modules.Host) error {
		res, err := h.HTTP(ctx, modules.Request{URL: a.KeyURL, Timeout: time.Minute})
		if err != nil {
			return err
		}
		if res.Status != 200 {
			return fmt.Errorf("the server answered %d", res.Status)
		}
		b, certs, err := readKey(res.Body, a.pinned())
		if err != nil {
			return err
		}
		if end := firstEnd(certs); !end.IsZero() && end.Before(s.Now) {
			return fmt.Errorf("the key ended on %s", end.UTC().Format(time.DateOnly))
		}
		return put(ctx, h, s.Keyring, b)
	}
}

// put writes a file that apt's own account must be able to read.
func put(ctx context.Context, h modules.Host, p string, b []byte) error {
	mode := uint32(0o644)
	return h.Write(ctx, modules.Write{Path: path.Clean(p), Bytes: b, Attr: modules.Attr{Mode: &mode}})
}

func lines(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return strings.Join(s, "\n") + "\n"
}
