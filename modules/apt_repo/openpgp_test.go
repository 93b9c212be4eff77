package aptrepo

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// The keys under testdata/keys were made by gpg 2.2 on 1 January 2026: an
// Ed25519 key for two years whose signing subkey ends after 200 days, and an
// RSA key without end.
const (
	edPrint  = "360A455497EF5E63AD374EF4C64CBABFF1802DAD"
	rsaPrint = "7CC35FE273934841AA42F1E9BEDD91CA8754390E"
)

func keyFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/keys/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReadKey(t *testing.T) {
	_, certs, err := readKey(keyFile(t, "ed25519.asc"), []string{edPrint})
	if err != nil {
		t.Fatal(err)
	}
	want := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(200 * 24 * time.Hour)
	if end := firstEnd(certs); end.Sub(want).Abs() > time.Minute {
		t.Errorf("the signing subkey ends on %s, not %s", end.UTC(), want)
	}
	bin, certs, err := readKey(keyFile(t, "both.gpg"), nil)
	if err != nil {
		t.Fatal(err)
	}
	both := []string{edPrint, rsaPrint}
	slices.Sort(both)
	if got := prints(certs); !slices.Equal(got, both) {
		t.Errorf("fingerprints %v, not %v", got, both)
	}
	for _, c := range certs {
		if c.Fingerprint == rsaPrint && !c.Expires.IsZero() {
			t.Errorf("the RSA key ends on %s", c.Expires)
		}
	}
	for n := range bin { // whatever is cut off, nothing breaks
		_, _ = certificates(bin[:n])
		_, _ = certificates(bin[n:])
	}
}

func TestReadKeyRefuses(t *testing.T) {
	armour := string(keyFile(t, "ed25519.asc"))
	for want, b := range map[string][]byte{
		"not the pinned one":  keyFile(t, "both.gpg"),
		"private key":         []byte("-----BEGIN PGP PRIVATE KEY BLOCK-----\n"),
		"no OpenPGP key":      []byte("<html>not found</html>"),
		"has no end":          []byte(armour[:len(armour)-10]),
		"checksum is wrong":   []byte(flip(armour)),
		"is no OpenPGP key":   []byte("hello"),
		"there is no OpenPGP": nil,
	} {
		if _, _, err := readKey(b, []string{edPrint}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, not %q", err, want)
		}
	}
}

// flip changes one letter of the armour's first line of data.
func flip(armour string) string {
	i := strings.Index(armour, "\n\n") + 10
	c := byte('A')
	if armour[i] == c {
		c = 'B'
	}
	return armour[:i] + string(c) + armour[i+1:]
}

func TestListName(t *testing.T) {
	for in, want := range map[[2]string]string{
		{"http://10.88.0.1:8079/debian/", "sid"}:                  "10.88.0.1:8079_debian_dists_sid_",
		{"https://user:pw@deb.example.org/a_b", "trixie-updates"}: "deb.example.org_a%5fb_dists_trixie-updates_",
		{"https://download.example.org/repo/", "./"}:              "download.example.org_repo_._",
		{"https://download.example.org/repo", "Debian_12/"}:       "download.example.org_repo_Debian%5f12_",
	} {
		if got, ok := listName(in[0], in[1]); !ok || got != want {
			t.Errorf("%v: %s, not %s", in, got, want)
		}
	}
}
