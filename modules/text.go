package modules

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxShown is the largest file whose text is a side of a diff.
const MaxShown = 256 << 10

// ShowBytes is a file's content as a side of a diff: the text, or what it is
// when it is no text or too long.
func ShowBytes(b []byte) string {
	if len(b) > MaxShown || !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 {
		return ShowSum(int64(len(b)), Sum(b))
	}
	return string(b)
}

// ShowSum stands for content that is not shown.
func ShowSum(size int64, sum string) string {
	return fmt.Sprintf("binary, %d bytes, sha256 %s\n", size, sum)
}

// Sum is the SHA-256 of bytes in hex, as Reader.Hash and Content.Hash have it.
func Sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// SplitWords splits a command line as a shell would, without doing anything
// else that a shell does: blanks part words, quotes and backslashes keep them together.
func SplitWords(line string) ([]string, error) {
	var out []string
	var word strings.Builder
	open, quote := false, rune(0) // in a word; in quotes
	rs := []rune(line)
	for i := 0; i < len(rs); i++ {
		c := rs[i]
		switch {
		case quote == '\'' && c != '\'', quote == '"' && c != '"' && c != '\\':
			word.WriteRune(c)
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\':
			if i+1 == len(rs) {
				return nil, errors.New(`the command ends in a backslash`)
			}
			i++
			if quote == '"' && rs[i] != '"' && rs[i] != '\\' && rs[i] != '$' && rs[i] != '`' && rs[i] != '\n' {
				word.WriteRune('\\')
			}
			if rs[i] != '\n' {
				word.WriteRune(rs[i])
				open = true
			}
		case c == '\'' || c == '"':
			quote, open = c, true
		case strings.ContainsRune(" \t\r\n", c):
			if open {
				out = append(out, word.String())
				word.Reset()
				open = false
			}
		default:
			word.WriteRune(c)
			open = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote %c is not closed", quote)
	}
	if open {
		out = append(out, word.String())
	}
	return out, nil
}

// CommandText is an argv as one line for messages, quoted where a shell would need it.
func CommandText(argv []string) string { return commandText(argv) }
