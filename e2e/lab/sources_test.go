package lab

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMirrorFromSources(t *testing.T) {
	tests := []struct{ name, file, text, want string }{
		{"one line", "sources.list", "deb http://mirror.example/debian bookworm main\n", "http://mirror.example/debian"},
		{"options and slash", "sources.list", "# old\ndeb-src http://src.example/debian sid main\ndeb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] https://m.example/debian/ trixie main contrib # ours\n", "https://m.example/debian"},
		{"no room before the options", "sources.list", "deb[arch=amd64] http://m.example/debian sid main", "http://m.example/debian"},
		{"security alone is no mirror", "sources.list", "deb http://s.example/debian-security bookworm-security main\n", ""},
		{"ubuntu", "sources.list.d/ubuntu.sources", "Types: deb\nURIs: http://archive.example/ubuntu\nSuites: noble noble-updates\nComponents: main universe\n", ""},
		{"deb822", "sources.list.d/debian.sources", "Types: deb deb-src\n# a comment\nURIs: http://m.example/debian/\nSuites: trixie trixie-updates\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\nTypes: deb\nURIs: http://s.example/debian-security\nSuites: trixie-security\nComponents: main\n", "http://m.example/debian"},
		{"deb822 in lower case, with two URIs on lines of their own", "sources.list.d/x.sources", "types: deb\nuris:\n http://a.example/debian\n http://b.example/debian\nsuites: sid\ncomponents: main\n", "http://a.example/debian"},
		{"disabled", "sources.list.d/x.sources", "Enabled: no\nTypes: deb\nURIs: http://a.example/debian\nSuites: sid\nComponents: main\n", ""},
		{"sources only", "sources.list.d/x.sources", "Types: deb-src\nURIs: http://a.example/debian\nSuites: sid\nComponents: main\n", ""},
		{"another archive with Debian's suite names", "sources.list.d/x.sources", "Types: deb\nURIs: https://packages.example/debian/\nSuites: trixie\nComponents: main\nSigned-By: /usr/share/keyrings/example.gpg\n", ""},
		{"a key in the file", "sources.list.d/x.sources", "Types: deb\nURIs: https://packages.example/debian/\nSuites: trixie\nComponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQ\n -----END PGP PUBLIC KEY BLOCK-----\n", ""},
		{"the path /debian is preferred", "sources.list", "deb http://odd.example/stable stable main\ndeb http://m.example/debian stable main\n", "http://m.example/debian"},
		{"a mirror at another path", "sources.list", "deb http://m.example/pub/deb bookworm main\n", "http://m.example/pub/deb"},
		{"a disc", "sources.list", "deb cdrom:[Debian]/ bookworm main\ndeb file:/srv/debian bookworm main\n", ""},
		{"an ending apt ignores", "sources.list.d/debian.sources.bak", "Types: deb\nURIs: http://a.example/debian\nSuites: sid\nComponents: main\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.MkdirAll(filepath.Join(dir, "sources.list.d"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, tt.file), []byte(tt.text), 0o644); err != nil {
				t.Fatal(err)
			}
			if got := debianMirror(machineSources(dir)); got != tt.want {
				t.Errorf("mirror %q, want %q", got, tt.want)
			}
		})
	}
}

func TestMirrorFromTheEnvironment(t *testing.T) {
	t.Setenv("MXPLAY_LAB_MIRROR", "http://mine.example/debian/")
	if got := Mirror(); got != "http://mine.example/debian" {
		t.Errorf("mirror %q", got)
	}
}
