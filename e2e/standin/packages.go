package standin

import (
	"embed"
	"fmt"
	"strings"
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
	return []Package{
		synapse("1.98.0", 82), synapse("1.160.0", schema), synapse("1.160.1", schema),
		hello("1.0"), hello("1.1"),
	}
}

const (
	venv       = "/opt/venvs/matrix-synapse/bin/"
	txredisapi = "1.4.11+standin"
	schema     = 94 // of the database, in Debian's package
)

// synapse is upstream's matrix-synapse-py3 to look at, and Debian's
// matrix-synapse to run. It cannot provide or conflict with matrix-synapse as
// upstream's does, since it depends on it. It says that it is the given version;
// where upstream's has its code it has the number of the schema, to look at.
func synapse(version string, schema int) Package {
	p := Package{
		Name:        "matrix-synapse-py3",
		Version:     version + "+standin1",
		Depends:     "matrix-synapse, matrix-synapse-ldap3, python3-pkg-resources, python3-hiredis, python3-six, python3-psycopg2, adduser, passwd",
		Description: "Matrix homeserver (stand-in for upstream's package)",
		Scripts:     map[string]string{"postinst": strings.ReplaceAll(text("postinst"), "@VERSION@", version), "postrm": text("postrm")},
		Files: []File{
			{Path: venv + "python", Mode: 0o755, Text: text("python")},
			{Path: "/opt/venvs/matrix-synapse/lib/python3/site-packages/synapse/storage/schema/__init__.py", Mode: 0o644, Text: fmt.Sprintf("SCHEMA_VERSION = %d  # remember the list\n", schema)},
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
