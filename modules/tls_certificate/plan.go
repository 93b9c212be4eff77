package tlscertificate

import (
	"context"
	"fmt"
	"strings"

	"github.com/mxplay/mxplay/modules"
)

func plan(a Args, s State) ([]modules.Step, error) {
	if s.Refused != "" {
		return nil, fmt.Errorf("the certificate that was given cannot be used: %s", s.Refused)
	}
	if s.NoAccount != "" {
		return nil, modules.NotYetf("there is no %s", s.NoAccount)
	}
	var steps []modules.Step
	for _, d := range s.Dirs {
		steps = append(steps, modules.Step{What: "make " + d, Do: func(ctx context.Context, h modules.Host) error {
			mode := uint32(0o755)
			return h.Mkdir(ctx, d, modules.Attr{Mode: &mode})
		}})
	}
	switch {
	case a.given() && s.GivenCert != nil:
		steps = append(steps, modules.Step{
			What: "write the certificate " + string(a.Path) + " and its key", From: s.summary(), To: "certificate " + a.cert().Hash + "\n",
			Do: func(ctx context.Context, h modules.Host) error { return put(ctx, h, a, s, s.GivenCert, s.GivenKey) },
		})
	case a.given() && s.Wrong != "": // it was written so once and has ended, or names was changed
		return nil, fmt.Errorf("the certificate that was given cannot be used: %s", s.Wrong)
	case !a.given() && s.Wrong != "":
		steps = append(steps, modules.Step{
			What: "make a self-signed certificate: " + s.Wrong, From: s.summary(),
			To: fmt.Sprintf("for %s\nuntil %s\nself-signed, %s\n", strings.Join(a.Names, ", "), s.Now.AddDate(0, 0, a.Days).UTC().Format("2006-01-02"), a.KeyType),
			Do: func(ctx context.Context, h modules.Host) error {
				cert, key, err := selfSigned(a, s.Seed, s.Now)
				if err != nil {
					return err
				}
				return put(ctx, h, a, s, cert, key)
			},
		})
	default:
		return append(steps, attrSteps(a, s)...), nil
	}
	return steps, nil
}

// summary is the certificate on the host in a few lines.
func (s State) summary() string {
	if s.Fingerprint == "" {
		return ""
	}
	how := "signed by " + s.Issuer
	if s.SelfSigned {
		how = "self-signed"
	}
	until, _, _ := strings.Cut(s.NotAfter, "T")
	return fmt.Sprintf("for %s\nuntil %s\n%s\n", strings.Join(s.Names, ", "), until, how)
}

// put writes the key first: a server that reads both between the two writes
// finds a pair that does not match, not a certificate without its key.
func put(ctx context.Context, h modules.Host, a Args, s State, cert, key []byte) error {
	certMode, err := a.Mode.Apply(0o644, false)
	if err != nil {
		return err
	}
	keyMode, err := a.KeyMode.Apply(0o600, false)
	if err != nil {
		return err
	}
	if a.KeyMode == "" {
		keyMode = 0o600
	}
	for _, w := range []modules.Write{
		{Path: string(a.KeyPath), Bytes: key, Attr: modules.Attr{Mode: &keyMode, UID: &s.UID, GID: &s.GID}},
		{Path: string(a.Path), Bytes: cert, Attr: modules.Attr{Mode: &certMode, UID: &s.UID, GID: &s.GID}},
	} {
		if err := h.Write(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

func attrSteps(a Args, s State) []modules.Step {
	var steps []modules.Step
	for _, f := range []struct {
		path     string
		want     modules.Mode
		mode     uint32
		uid, gid int
	}{
		{path: string(a.Path), want: a.Mode, mode: s.CertMode, uid: s.CertUID, gid: s.CertGID},
		{path: string(a.KeyPath), want: a.KeyMode, mode: s.KeyMode, uid: s.KeyUID, gid: s.KeyGID},
	} {
		if f.mode == 0 { // a link, as certbot's
			continue
		}
		mode, err := f.want.Apply(f.mode, false)
		uid, gid := f.uid, f.gid
		if a.Owner != "" {
			uid = s.UID
		}
		if a.Group != "" {
			gid = s.GID
		}
		if err != nil || mode == f.mode && uid == f.uid && gid == f.gid {
			continue
		}
		show := func(m uint32, u, g int) string { return fmt.Sprintf("%s %d:%d\n", modules.ModeText(m), u, g) }
		steps = append(steps, modules.Step{
			What: "set mode and owner of " + f.path, From: show(f.mode, f.uid, f.gid), To: show(mode, uid, gid),
			Do: func(ctx context.Context, h modules.Host) error {
				return h.SetAttr(ctx, f.path, modules.Attr{Mode: &mode, UID: &uid, GID: &gid})
			},
		})
	}
	return steps
}
