package modules

import (
	"fmt"
	"strconv"
	"strings"
)

// Preserve is the mode of the source file, where an argument allows it (copy, template).
const Preserve Mode = "preserve"

// Validate tells whether the mode can be read: octal digits that begin with a
// zero, or chmod's symbols.
func (m Mode) Validate() error {
	if m == "" || m == Preserve {
		return nil
	}
	_, err := m.Apply(0, false)
	return err
}

// Apply is the mode that something with the mode old gets. Symbols change
// what is there; dir says that it is a directory, for X.
func (m Mode) Apply(old uint32, dir bool) (uint32, error) {
	if m == "" {
		return old, nil
	}
	if m[0] >= '0' && m[0] <= '9' {
		n, err := strconv.ParseUint(string(m), 8, 32)
		switch {
		case err != nil || n > 0o7777:
			return 0, fmt.Errorf("mode %s is no octal number up to 07777", m)
		case m[0] != '0' && len(m) < 4:
			return 0, fmt.Errorf(`mode %s: an octal mode begins with a zero: "0%s"`, m, m)
		}
		return uint32(n), nil
	}
	mode := old & 0o7777
	for clause := range strings.SplitSeq(string(m), ",") {
		var ok bool
		if mode, ok = applyClause(mode, clause, dir); !ok {
			return 0, fmt.Errorf(`mode %q is neither octal ("0644") nor chmod's symbols ("u=rw,go=r")`, string(m))
		}
	}
	return mode, nil
}

// applyClause does one of chmod's clauses: [ugoa]*([-+=][rwxXst]*|[-+=][ugo])+.
func applyClause(mode uint32, clause string, dir bool) (uint32, bool) {
	at := strings.IndexAny(clause, "+-=")
	if at < 0 {
		return 0, false
	}
	who := clause[:at]
	if who == "" {
		who = "a"
	}
	var users [3]bool // user, group, others
	for _, c := range who {
		switch c {
		case 'u', 'g', 'o':
			users[strings.IndexRune("ugo", c)] = true
		case 'a':
			users = [3]bool{true, true, true}
		default:
			return 0, false
		}
	}
	for rest := clause[at:]; rest != ""; {
		op := rest[0]
		end := strings.IndexAny(rest[1:], "+-=") + 1
		if end == 0 {
			end = len(rest)
		}
		var ok bool
		if mode, ok = applyPerms(mode, users, op, rest[1:end], dir); !ok {
			return 0, false
		}
		rest = rest[end:]
	}
	return mode, true
}

func applyPerms(mode uint32, users [3]bool, op byte, perms string, dir bool) (uint32, bool) {
	var rwx, special uint32
	anyX := mode&0o111 != 0
	for _, c := range perms {
		switch c {
		case 'r', 'w', 'x':
			rwx |= map[rune]uint32{'r': 4, 'w': 2, 'x': 1}[c]
		case 'X':
			if dir || anyX {
				rwx |= 1
			}
		case 's':
			if users[0] {
				special |= 0o4000
			}
			if users[1] {
				special |= 0o2000
			}
		case 't':
			special |= 0o1000
		case 'u', 'g', 'o':
			if len(perms) != 1 {
				return 0, false
			}
			rwx = mode >> (6 - 3*strings.IndexRune("ugo", c)) & 7
		default:
			return 0, false
		}
	}
	for i, is := range users {
		if !is {
			continue
		}
		shift := 6 - 3*i
		switch op {
		case '+':
			mode |= rwx << shift
		case '-':
			mode &^= rwx << shift
		case '=':
			mode = mode&^(7<<shift) | rwx<<shift
			if !dir && i < 2 { // a directory keeps its setuid and setgid, as with chmod
				mode &^= 0o4000 >> i
			}
		}
	}
	if op == '-' {
		return mode &^ special, true
	}
	return mode | special, true
}

// ModeText is a mode as results and messages show it: "0644".
func ModeText(mode uint32) string { return fmt.Sprintf("%04o", mode) }
