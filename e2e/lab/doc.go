// Package lab runs real Debian hosts on one machine, for the tests that need
// them and for the demo.
//
// A host is systemd, sshd and apt in a namespace container of its own, on a
// private bridge, on top of a cached root file system that it cannot change:
// it starts in seconds and is thrown away whole. The lab needs root on a
// Debian or Ubuntu machine and nothing else; what is missing it installs.
//
// Hosts belong to a group and know each other by name. The groups of two test
// processes do not see each other's names, so both may call a host "a".
package lab
