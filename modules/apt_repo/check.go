package aptrepo

import (
	"bytes"
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

func check(ctx context.Context, r modules.Reader, a Args) (State, error) {
	s := State{Source: a.source(), Keyring: a.keyring(), Now: r.Now()}
	info, err := r.Stat(ctx, s.Source)
	switch {
	case err == nil:
		b, err := r.ReadFile(ctx, s.Source)
		if err != nil {
			return s, err
		}
		s.Text, s.Mode = string(b), info.Mode
	case !errors.Is(err, modules.ErrNotExist):
		return s, err
	}
	if a.State == "absent" {
		return s, lookAbsent(ctx, r, a, &s)
	}
	if err := lookKeyring(ctx, r, a, &s); err != nil {
		return s, err
	}
	if err := lookOld(ctx, r, a, &s); err != nil {
		return s, err
	}
	if !a.UpdateCache || !a.Enabled {
		return s, nil
	}
	return s, lookLists(ctx, r, a, info.Mtime, &s)
}

// renewBefore is how long before its end a key is fetched again.
const renewBefore = 90 * 24 * time.Hour

func lookKeyring(ctx context.Context, r modules.Reader, a Args, s *State) error {
	var have []byte
	i, err := r.Stat(ctx, s.Keyring)
	switch {
	case errors.Is(err, modules.ErrNotExist):
		return lookGiven(ctx, r, a, nil, s)
	case err != nil:
		return err
	}
	if have, err = r.ReadFile(ctx, s.Keyring); errors.Is(err, modules.ErrNotExist) { // a link to nothing
		return lookGiven(ctx, r, a, nil, s)
	} else if err != nil {
		return err
	}
	s.Have = keyring{Exists: true, Mode: i.Mode, Sum: modules.Sum(have), Recent: s.Now.Sub(i.Mtime) < 24*time.Hour}
	if i.Kind == "link" {
		s.Have.Mode = 0o644
	}
	bin, err := dearmour(have)
	var certs []certificate
	if err == nil {
		certs, err = certificates(bin)
	}
	if err != nil {
		s.Have.Bad = err.Error()
		return lookGiven(ctx, r, a, nil, s)
	}
	s.Have.Armour = !bytes.Equal(bin, have)
	s.Fingerprints = prints(certs)
	if end := firstEnd(certs); !end.IsZero() {
		s.Expires = end.UTC().Format(time.DateOnly)
		s.Have.Renew = end.Sub(s.Now) < renewBefore
		s.Have.Expired = end.Before(s.Now)
	}
	return lookGiven(ctx, r, a, bin, s)
}

// lookGiven reads the key that came with the task, unless the host has just its bytes.
func lookGiven(ctx context.Context, r modules.Reader, a Args, have []byte, s *State) error {
	dir := path.Dir(s.Keyring)
	for a.hasKey() && !s.Have.Exists && dir != "/" {
		_, err := r.Stat(ctx, dir)
		if err == nil {
			break
		}
		if !errors.Is(err, modules.ErrNotExist) {
			return err
		}
		s.Dirs = append([]string{dir}, s.Dirs...)
		dir = path.Dir(dir)
	}
	c := a.given()
	if c == nil || s.Have.Exists && s.Have.Sum == c.Hash && s.Have.Bad == "" && !s.Have.Armour {
		return nil
	}
	b, err := r.Content(ctx, *c)
	if err != nil {
		return err
	}
	bin, certs, err := readKey(b, a.pinned())
	if err != nil {
		s.KeyError = err.Error()
		return nil
	}
	if !bytes.Equal(bin, have) {
		s.Want, s.WantPrint = bin, prints(certs)
	}
	return nil
}

// readKey gives a key's binary form if it holds the pinned keys and no others; nothing pinned takes any.
func readKey(b []byte, pinned []string) ([]byte, []certificate, error) {
	bin, err := dearmour(b)
	if err != nil {
		return nil, nil, err
	}
	certs, err := certificates(bin)
	if err != nil {
		return nil, nil, err
	}
	if len(pinned) > 0 && !slices.Equal(prints(certs), pinned) {
		return nil, nil, fmt.Errorf("the key is not the pinned one: its fingerprint is %s, not %s",
			strings.Join(prints(certs), ", "), strings.Join(pinned, ", "))
	}
	return bin, certs, nil
}

func prints(certs []certificate) []string {
	var out []string
	for _, c := range certs {
		out = append(out, c.Fingerprint)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// firstEnd is when the first of the keys can no longer sign; zero for never.
func firstEnd(certs []certificate) time.Time {
	var end time.Time
	for _, c := range certs {
		if !c.Expires.IsZero() && (end.IsZero() || c.Expires.Before(end)) {
			end = c.Expires
		}
	}
	return end
}

// lookOld finds one-line sources of the same repository.
func lookOld(ctx context.Context, r modules.Reader, a Args, s *State) error {
	files := []string{apt.SourceList}
	parts, err := apt.Parts(ctx, r)
	if err != nil {
		return err
	}
	for _, i := range parts {
		if strings.HasSuffix(i.Name, ".list") {
			files = append(files, apt.SourceParts+"/"+i.Name)
		}
	}
	for _, f := range files {
		i, err := r.Stat(ctx, f)
		if errors.Is(err, modules.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		b, err := r.ReadFile(ctx, f)
		if err != nil {
			return err
		}
		text, active, changed := withoutRepo(string(b), a)
		if changed {
			s.Old = append(s.Old, leftover{
				Path: f, From: string(b), To: text, Mode: i.Mode,
				Gone: !active && f != apt.SourceList,
			})
		}
	}
	return nil
}

// lookLists finds out whether apt's lists of the repository are there and newer than its source.
func lookLists(ctx context.Context, r modules.Reader, a Args, source time.Time, s *State) error {
	d, err := r.Stat(ctx, apt.Lists)
	if errors.Is(err, modules.ErrNotExist) {
		s.Stale = "there are no lists yet"
		return nil
	}
	if err != nil {
		return err
	}
	if source.After(d.Mtime) {
		s.Stale = "the source is newer than the lists"
		return nil
	}
	if k, err := r.Stat(ctx, s.Keyring); err == nil && k.Mtime.After(d.Mtime) {
		s.Stale = "the key is newer than the lists"
		return nil
	}
	files, err := r.ReadDir(ctx, apt.Lists)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, f := range files {
		there[f.Name] = true
	}
	for _, u := range a.URIs {
		for _, suite := range a.Suites {
			base, ok := listName(u, suite)
			if ok && !there[base+"InRelease"] && !there[base+"Release"] {
				s.Stale = "the lists of " + u + " " + suite + " are missing"
			}
		}
	}
	return nil
}

func lookAbsent(ctx context.Context, r modules.Reader, a Args, s *State) error {
	a.URIs = append(a.URIs, fieldOf(s.Text, "URIs")...)
	a.Suites = append(a.Suites, fieldOf(s.Text, "Suites")...)
	a.Types = []string{"deb", "deb-src"}
	if err := lookOld(ctx, r, a, s); err != nil {
		return err
	}
	i, err := r.Stat(ctx, s.Keyring)
	if errors.Is(err, modules.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	s.Have = keyring{Exists: true, Mode: i.Mode}
	parts, err := apt.Parts(ctx, r)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if f := apt.SourceParts + "/" + p.Name; f != s.Source {
			b, err := r.ReadFile(ctx, f)
			if err != nil {
				return err
			}
			s.KeyUsed = s.KeyUsed || strings.Contains(string(b), s.Keyring)
		}
	}
	return nil
}
