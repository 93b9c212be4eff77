package standin

import (
	"embed"
	"fmt"
)

//go:embed files
var files embed.FS

func text(name string) string {
	data, err := files.ReadFile("files/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	return string(data)
}

// Packages are the packages of the stand-in.
func Packages() []Package {
	return []Package{synapse(), hello("1.0"), hello("1.1")}
}

const (
	venv       = "/opt/venvs/matrix-synapse/bin/"
	txredisapi = "1.4.11+standin"
)

// synapse is upstream's matrix-synapse-py3 to look at, and Debian's
// matrix-synapse to run. It cannot provide or conflict with matrix-synapse as
// upstream's does, since it depends on it.
func synapse() Package {
	p := Package{
		Name:        "matrix-synapse-py3",
		Version:     "1.160.0+standin1",
		Depends:     "matrix-synapse, matrix-synapse-ldap3, python3-pkg-resources, python3-hiredis, python3-six, python3-psycopg2, adduser, passwd",
		Description: "Matrix homeserver (stand-in for upstream's package)",
		Scripts:     map[string]string{"postinst": text("postinst"), "postrm": text("postrm")},
		Files: []File{
			{Path: venv + "python", Link: "/usr/bin/python3"},
			{Path: venv + "python3", Link: "python"},
			{Path: "/usr/lib/systemd/system/matrix-synapse.service.d/50-standin.conf", Mode: 0o644, Text: text("50-standin.conf")},
			{Path: "/usr/lib/python3/dist-packages/txredisapi.py", Mode: 0o644, Text: text("txredisapi.py")},
			{
				Path: "/usr/lib/python3/dist-packages/txredisapi-" + txredisapi + ".dist-info/METADATA", Mode: 0o644,
				Text: fmt.Sprintf("Metadata-Version: 2.1\nName: txredisapi\nVersion: %s\nSummary: stand-in of the mxplay lab\n", txredisapi),
			},
		},
	}
	// Debian has these under other names; the rest are the same in both.
	for _, name := range []string{"register_new_matrix_user", "hash_password"} {
		p.Files = append(p.Files,
			File{Path: venv + name, Link: "/usr/bin/synapse_" + name},
			File{Path: "/usr/bin/" + name, Link: venv + name})
	}
	for _, name := range []string{"synapse_port_db", "synapse_review_recent_signups", "synctl", "update_synapse_database"} {
		p.Files = append(p.Files, File{Path: venv + name, Link: "/usr/bin/" + name})
	}
	return p
}

// hello is a small package in two versions with a debconf question, for tests
// of pins, upgrades, holds and answers given before the install.
func hello(version string) Package {
	return Package{
		Name: "mxplay-hello", Version: version, Depends: "debconf",
		Description: "greets from the lab",
		Scripts: map[string]string{
			"templates": text("hello.templates"), "config": text("hello.config"),
			"postinst": text("hello.postinst"), "postrm": text("hello.postrm"),
		},
		Files: []File{{Path: "/usr/bin/mxplay-hello", Mode: 0o755, Text: fmt.Sprintf("#!/bin/sh\necho hello %s\n", version)}},
	}
}
