// Package playbooks holds the playbooks and roles that come with mxplay.
package playbooks

import "embed"

// Files are the shipped playbooks, with site.yml and roles at the top.
//
//go:embed all:roles *.yml
var Files embed.FS
