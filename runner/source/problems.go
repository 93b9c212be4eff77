package source

import "strings"

// byProblem puts the parser's words into ours, kind by kind.
func (d *diagnosis) byProblem() *Error {
	text, start := d.lineAt(d.off)
	switch p := d.problem; {
	case p == "mapping values are not allowed in this context":
		return d.secondColon()
	case p == "found character that cannot start any token":
		off := d.off
		for off > start && strings.IndexByte("@`%\t", at(d.data, off)) < 0 {
			off--
		}
		return d.at(off, "a value cannot begin with %q", at(d.data, off)).WithHint("quote it: %s", quoteLine(text, d.file.PosOf(off).Col))
	case p == "could not find expected ':'":
		return d.noColon()
	case p == "did not find expected key":
		if e := d.afterBracket(text, start); e != nil {
			return e
		}
		return d.at(d.firstOn(start), "a key does not fit here").WithHint("keys of one map begin in the same column%s", d.columns(start))
	case strings.HasPrefix(p, "did not find expected '-' indicator"):
		if !strings.HasPrefix(strings.TrimSpace(text), "-") && strings.HasPrefix(text, " ") {
			return d.at(d.firstOn(start), "this line stands in a column where nothing began").WithHint("the keys of a list entry begin in one column, behind its dash%s", d.columns(start))
		}
		return d.at(d.firstOn(start), "a list entry, which begins with -, does not stand here").WithHint("entries of one list begin in the same column%s", d.columns(start))
	case p == "block sequence entries are not allowed in this context":
		return d.at(d.off, "a list cannot begin on this line").WithHint("put each entry on a line of its own below the key")
	case p == "mapping keys are not allowed in this context":
		return d.at(d.off, "a ? cannot stand here").WithHint("quote the value: %s", strings.TrimSpace(text))
	case p == "did not find expected node content":
		return d.at(d.off, "a value is missing here")
	case p == "found unknown escape character":
		off := d.off
		for off > start && d.data[off] != '\\' {
			off--
		}
		return d.at(off, "%s is no escape in double quotes", d.data[off:min(off+2, len(d.data))]).WithHint(`write \\ for a backslash, or put the text into single quotes`)
	case strings.HasPrefix(p, "did not find expected hexdecimal"), strings.HasPrefix(p, "found invalid Unicode"):
		return d.at(d.off, "the escape is not complete or no character")
	case p == "found a tab character where an indentation space is expected", p == "found a tab character that violates indentation":
		return d.at(d.off, "a tab cannot indent YAML").WithHint("use spaces")
	case p == "found undefined tag handle", strings.Contains(p, "tag"):
		off := start + max(strings.IndexByte(text, '!'), 0)
		return d.at(off, "unknown tag").WithHint("a value that begins with ! is a tag in YAML, quote it: %s", quoteLine(text, d.file.PosOf(off).Col))
	case strings.HasPrefix(p, "found unknown directive"), strings.Contains(p, "directive"), p == "found incompatible YAML document":
		return d.at(start, "a line that begins with %% is a directive to YAML, and no known one").WithHint("quote the value, or indent it")
	case p == "did not find expected <document start>":
		return d.at(d.firstOn(start), "a second value stands here after the first has ended").WithHint("check the indentation")
	case strings.HasPrefix(p, "exceeded max depth"), strings.Contains(p, "document contains excessive aliasing"):
		return d.at(d.off, "nested too deeply")
	case p == "did not find expected comment or line break":
		return d.at(d.off, "nothing but a comment may stand behind | or >")
	case p == "found an indentation indicator equal to 0":
		return d.at(d.off, "a block's indentation is a digit from 1 to 9")
	}
	return nil
}

// hasKey tells whether a line holds a colon that ends a key.
func hasKey(text string) bool {
	text, _ = cutComment(text)
	return strings.Contains(text, ": ") || strings.HasSuffix(strings.TrimSpace(text), ":")
}

func at(s string, i int) byte {
	if i >= len(s) {
		return 0
	}
	return s[i]
}

// firstOn is the offset of the first letter of the line that begins at start.
func (d *diagnosis) firstOn(start int) int {
	for start < len(d.data) && d.data[start] == ' ' {
		start++
	}
	return start
}

// secondColon is about "key: some: text", or about a key that is indented
// below a value.
func (d *diagnosis) secondColon() *Error {
	text, start := d.lineAt(d.off)
	var first *token
	for i, c := range d.colons {
		if c.start >= start && c.start < d.off {
			first = &d.colons[i]
			break
		}
	}
	if first == nil {
		if before := d.lineBefore(); before.number > 0 && !hasKey(before.text) {
			e := d.at(d.firstOn(before.start), "a colon is missing: expected `key: value`")
			if strings.Contains(before.text, ":") {
				e.Hint = "a colon needs a space behind it"
			}
			return e
		}
		return d.at(d.firstOn(start), "a key cannot stand here, the line before has a value already").WithHint("check the indentation%s, or quote the value if it goes on here", d.columns(start))
	}
	val := first.end
	for val < len(d.data) && d.data[val] == ' ' {
		val++
	}
	return d.at(d.off, "a second colon stands in this value").WithHint("quote it: %s", quoteLine(text, d.file.PosOf(val).Col))
}

// afterBracket is about a value such as {"a": 1} == x, which YAML takes for a
// map with something behind it.
func (d *diagnosis) afterBracket(text string, start int) *Error {
	for _, c := range d.colons {
		val := c.end
		for at(d.data, val) == ' ' {
			val++
		}
		if c.start < start || strings.IndexByte("[{", at(d.data, val)) < 0 || d.off <= val {
			continue
		}
		return d.at(d.off, "text stands behind the closing bracket").WithHint("quote the whole value: %s", quoteLine(text, d.file.PosOf(val).Col))
	}
	return nil
}

// noColon is about a line that should be "key: value".
func (d *diagnosis) noColon() *Error {
	off := d.off
	if d.line > 0 && d.line <= len(d.file.lines()) {
		off = d.file.lines()[d.line-1]
		if text, _ := d.lineAt(off); strings.Contains(text, ":") || strings.TrimSpace(text) == "" {
			// the parser's line is the one after
			if prev, s := d.lineAt(max(off-1, 0)); strings.TrimSpace(prev) != "" && !strings.Contains(prev, ": ") {
				off = s
			}
		}
	}
	_, start := d.lineAt(off)
	return d.at(d.firstOn(start), "a colon is missing: expected `key: value`").WithHint("a colon needs a space behind it")
}
