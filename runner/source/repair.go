package source

import (
	"fmt"
	"regexp"
	"strings"
)

// The parser notices a slip only where the text has become unreadable, which
// may be some lines below. A line that looks odd, and with which put right the
// whole text is readable, is where the slip was made.

const (
	repairSize  = 64 << 10 // longer texts are not tried again, they would take too long
	repairTries = 80       // texts that are parsed to find the one slip
	repairLines = 60       // lines above the parser's place that are looked at
)

// repaired is a line as it may have been meant.
type repaired struct {
	text string
	col  int // of the slip, 0-based
	msg  string
	hint string
}

var (
	dashStuck  = regexp.MustCompile(`^( *)-([^\s-].*)$`)
	dashWide   = regexp.MustCompile(`^( *- ) +(\S.*)$`)
	colonStuck = regexp.MustCompile(`^( *(?:- )?["']?[A-Za-z_][\w.-]*["']?) ?:([^\s:/].*)$`)
	colonTail  = regexp.MustCompile(`^( *(?:- )?[A-Za-z_][\w.-]*:)\s*([^\s\w"'\]}|>]\S?)$`)
	junkBefore = regexp.MustCompile(`^( *)(?:[^\s\w"'#-]|\w(?: |-))`)
	blockHead  = regexp.MustCompile(`^( *(?:- )*(?:[A-Za-z_][\w.-]*: *|- +))(\S{1,2})$`)
	bareValue  = regexp.MustCompile(`^( *(?:- )?(?:[A-Za-z_][\w.-]*: +)?)([^\s"'].*)"$`)
	hidden     = regexp.MustCompile(`^( *)#( *(?:- )?[A-Za-z_][\w.-]*:(?: .*)?)$`)
)

// repair is the slip in a line above the place of another diagnosis, nil when
// that place is the best one.
func (d *diagnosis) repair(found *Error) *Error {
	if len(d.data) > repairSize {
		return nil
	}
	lines := strings.SplitAfter(d.data, "\n")
	here := d.file.PosOf(d.off).Line - 1
	at := found.Pos.Line - 1
	tries := 0
	works := func(i int, r repaired) bool {
		if tries++; tries > repairTries {
			return false
		}
		text := strings.Join(lines[:i], "") + r.text + lineEnd(lines[i]) + strings.Join(lines[i+1:], "")
		_, err := parse([]byte(text))
		return err == nil
	}
	try := func(i int) *Error {
		for _, r := range d.meantLines(lines, i) {
			if works(i, r) {
				return Errorf(Pos{File: d.file.Name, Line: i + 1, Col: r.col + 1}, "%s", r.msg).WithHint("%s", r.hint)
			}
		}
		return nil
	}
	if at < len(lines) && try(at) != nil {
		return nil
	}
	for i := min(max(here, at), len(lines)-1); i >= max(0, min(here, at)-repairLines) && tries < repairTries; i-- {
		if i == at {
			continue
		}
		if e := try(i); e != nil {
			return e
		}
	}
	return nil
}

func lineEnd(s string) string { return s[len(strings.TrimRight(s, "\r\n")):] }

func indentOf(s string) int { return len(s) - len(strings.TrimLeft(s, " ")) }

// meantLines are what a line that looks odd may have meant.
func (d *diagnosis) meantLines(lines []string, i int) []repaired {
	text := strings.TrimRight(lines[i], "\r\n ")
	if strings.TrimSpace(text) == "" {
		return nil
	}
	if m := hidden.FindStringSubmatch(text); m != nil {
		r := repaired{m[1] + m[2], len(m[1]), "the lines below belong to a key that stands in a comment", "take the # away: " + strings.TrimSpace(m[2])}
		other := r
		other.text = m[1] + " " + m[2]
		return []repaired{r, other}
	}
	if strings.TrimLeft(text, " ")[0] == '#' {
		return nil
	}
	var out []repaired
	add := func(text string, col int, msg, hint string) { out = append(out, repaired{text, col, msg, hint}) }
	if m := dashStuck.FindStringSubmatch(text); m != nil {
		add(m[1]+"- "+m[2], len(m[1]), "the dash of a list entry needs a space behind it", m[1]+"- "+strings.TrimSpace(m[2]))
	}
	if m := dashWide.FindStringSubmatch(text); m != nil {
		add(m[1]+m[2], len(m[1]), "this key stands in another column than the keys below it", "the keys of a list entry begin in one column: "+strings.TrimSpace(m[1])+" "+m[2])
	}
	if m := colonStuck.FindStringSubmatch(text); m != nil && !strings.Contains(m[1], "http") {
		add(m[1]+": "+m[2], len(m[1]), "a colon needs a space behind it", strings.TrimSpace(m[1])+": "+m[2])
		if len(m[2]) < 3 {
			add(m[1]+":", len(m[1])+1, "text stands behind the colon of a key with lines below it", "take it away: "+strings.TrimSpace(m[1])+":")
		}
	}
	if m := blockHead.FindStringSubmatch(text); m != nil && strings.ContainsAny(m[2], "|>-+") {
		add(strings.TrimRight(m[1], " ")+" >-", len(m[1]), "the lines below belong to no block of text, which begins with | or >", strings.TrimSpace(m[1])+" >-")
	}
	if m := colonTail.FindStringSubmatch(text); m != nil {
		add(m[1], strings.LastIndex(text, m[2]), "a value stands behind the colon of a key that has lines below it", "take it away: "+strings.TrimSpace(m[1]))
	}
	out = append(out, oddQuotes(text)...)
	if m := junkBefore.FindString(text); m != "" && !(strings.ContainsAny(m, "[{") && strings.ContainsAny(text, "]}")) {
		col := indentOf(text)
		rest := text[:col] + " " + text[col+1:]
		add(rest, col, "a character too many stands before this key", strings.TrimSpace(rest))
		for _, n := range neighbours(lines, i) {
			add(strings.Repeat(" ", n)+strings.TrimLeft(text[col+1:], " "), col, "a character too many stands before this key", strings.TrimSpace(rest))
		}
	}
	return append(out, oddIndent(lines, i, text)...)
}

// oddQuotes are the repairs of a line with an odd number of double quotes.
func oddQuotes(text string) (out []repaired) {
	if strings.Count(text, `"`)%2 == 0 {
		return nil
	}
	add := func(text string, col int, msg string) {
		out = append(out, repaired{text, col, msg, strings.TrimSpace(text)})
	}
	if m := bareValue.FindStringSubmatch(text); m != nil {
		add(m[1]+`"`+m[2]+`"`, len(m[1]), "the quote that opens this value is missing")
	}
	if i := strings.Index(text, "{{"); i > 0 && text[i-1] != '"' {
		add(text[:i]+`"`+text[i:], i, "the quote that opens this value is missing")
	}
	add(text+`"`, strings.LastIndexByte(text, '"'), "a quote is not closed on its line")
	for i := range len(text) {
		if text[i] == '"' && (i+1 < len(text) && text[i+1] == '"' || i == strings.IndexByte(text, '"')) {
			add(text[:i]+text[i+1:], i, "a quote too many")
		}
	}
	return out
}

// neighbours are the indents that a line may have been meant to have, by those around it.
func neighbours(lines []string, i int) (out []int) {
	this := line{text: lines[i]}
	dash := this.begins() - this.indent()
	step := stepOf(lines)
	for _, dir := range []int{1, -1} {
		l, ok := next(lines, i, dir)
		if !ok {
			continue
		}
		n := l.indent() - 1
		out = append(out, n, l.begins()-1)
		if dir < 0 && (strings.HasSuffix(l.text, ":") || blockEnds.MatchString(l.text)) {
			out = append(out, l.begins()-1+step)
		}
		if dir > 0 && dash > 0 {
			out = append(out, n-dash)
		}
		if dir > 0 && strings.HasSuffix(strings.TrimRight(lines[i], "\r\n "), ":") {
			out = append(out, n-step)
		}
	}
	return append(out, 0)
}

// oddIndent are the repairs of a line whose indentation fits nothing around it.
func oddIndent(lines []string, i int, text string) (out []repaired) {
	n := indentOf(text)
	if !strangeIndent(lines, i) {
		return nil
	}
	seen := map[int]bool{n: true}
	for _, to := range append(neighbours(lines, i), n-1, n+1) {
		if to < 0 || seen[to] {
			continue
		}
		seen[to] = true
		out = append(out, repaired{strings.Repeat(" ", to) + text[n:], n, "this line stands in a column of its own", ""})
		r := &out[len(out)-1]
		r.hint = "move it by " + plural(abs(to-n), "space") + map[bool]string{true: " to the right", false: " to the left"}[to > n] + ": keys of one map, and entries of one list, begin in the same column"
	}
	return out
}

func abs(n int) int { return max(n, -n) }

func plural(n int, what string) string {
	if n == 1 {
		return "one " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

var blockEnds = regexp.MustCompile(`:\s*[|>][-+0-9]*\s*$`)

// next is the next line that says something, in a direction.
func next(lines []string, i, step int) (line, bool) {
	for j := i + step; j >= 0 && j < len(lines); j += step {
		if t := strings.TrimSpace(lines[j]); t != "" && t[0] != '#' {
			return line{text: strings.TrimRight(lines[j], "\r\n ")}, true
		}
	}
	return line{}, false
}

// strangeIndent tells whether a line stands where hardly another one does: in
// an odd column of a text with even ones, not right below the key it belongs
// to, or in another column than both its neighbours.
func strangeIndent(lines []string, i int) bool {
	this := line{text: strings.TrimRight(lines[i], "\r\n ")}
	n, begins := this.indent()-1, this.begins()-1
	odd, all := 0, 0
	for _, l := range lines {
		if m := indentOf(l); m > 0 && strings.TrimSpace(l) != "" {
			all++
			odd += m % 2
		}
	}
	if n%2 == 1 && odd*4 < all {
		return true
	}
	step := stepOf(lines)
	above, hasAbove := next(lines, i, -1)
	below, hasBelow := next(lines, i, 1)
	entry := begins > n
	if hasAbove && (strings.HasSuffix(above.text, ":") || blockEnds.MatchString(above.text)) {
		if from := above.begins() - 1; n != from+step && !(n == from && entry) {
			return true
		}
	}
	if !hasAbove && n > 0 && !strings.HasPrefix(this.text, "---") {
		return true
	}
	if !hasBelow {
		return false
	}
	to := below.indent() - 1
	belowEntry := below.begins()-1 > to
	switch {
	case strings.HasSuffix(this.text, ":"):
		return to > begins && to != begins+step
	case entry:
		return !belowEntry && (to == n || to > begins && !blockEnds.MatchString(this.text))
	}
	return hasAbove && !entry && !belowEntry && above.begins() == below.begins() && to != n
}

// stepOf is by how many columns the lines below a key are indented, mostly.
func stepOf(lines []string) int {
	counts := map[int]int{2: 0}
	above := ""
	for _, l := range lines {
		t := strings.TrimSpace(l)
		if t == "" || t[0] == '#' {
			continue
		}
		if strings.HasSuffix(strings.TrimRight(above, "\r\n "), ":") && !strings.HasPrefix(t, "- ") {
			if n := indentOf(l) - (line{text: above}.begins() - 1); n > 0 {
				counts[n]++
			}
		}
		above = l
	}
	best := 2
	for n, count := range counts {
		if count > counts[best] || count == counts[best] && n < best && count > 0 {
			best = n
		}
	}
	return best
}
