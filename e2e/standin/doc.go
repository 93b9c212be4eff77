// Package standin makes a signed apt repository that takes the place of
// packages.matrix.org where that cannot be reached. Its matrix-synapse-py3 is a
// shell around Debian's own matrix-synapse that behaves like upstream's package
// where a playbook can tell the difference: paths, commands, group and unit.
//
// Everything is made in Go: packages, indexes and signatures.
package standin
