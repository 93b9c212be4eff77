package expr

import (
	"fmt"
	"regexp"
	"sort"
	"strings"
	"sync"

	"github.com/mxplay/mxplay/runner/source"
)

// Include is a template file that another one includes or imports.
type Include struct {
	Name    string // "" when it is computed
	Pos     source.Pos
	Missing bool // it may be missing

	off int
}

// Includes are the template files that t includes and imports, in order.
func (t *Template) Includes() []Include {
	out := append([]Include(nil), t.code.incs...)
	for i := range out {
		out[i].Pos = t.pos(out[i].off)
	}
	return out
}

// fileOptions are what the "#jinja2:" line at the top of a template file sets.
type fileOptions struct {
	keepNewline bool // trim_blocks is off
	lstrip      bool // lstrip_blocks is on
}

// ParseFile reads a template file: text with {{ }}, {% %} and {# #}. Errors are
// source.Errors: all that were found.
func ParseFile(name, src string) (*Template, error) {
	o := &origin{src: src, at: fileLocator(name, src), whole: true}
	p := &fileParser{o: o, src: src, declared: map[string]bool{"caller": true, "loop": true}, macros: map[string]*Function{}, code: &code{}}
	p.parse()
	if err := p.errs.Err(); err != nil {
		return nil, err
	}
	return &Template{origin: o, name: name, code: p.code}, nil
}

// fileLocator finds places in a whole file.
func fileLocator(name, src string) Locator {
	starts := sync.OnceValue(func() []int {
		s := []int{0}
		for i := range len(src) {
			if src[i] == '\n' {
				s = append(s, i+1)
			}
		}
		return s
	})
	return func(off int) source.Pos {
		s := starts()
		off = min(max(off, 0), len(src))
		line := sort.Search(len(s), func(i int) bool { return s[i] > off })
		return source.Pos{File: name, Line: line, Col: len([]rune(src[s[line-1]:off])) + 1}
	}
}

// fileParser reads one template file.
type fileParser struct {
	o        *origin
	src      string
	i        int
	code     *code
	opts     fileOptions
	errs     source.Errors
	declared map[string]bool
	macros   map[string]*Function // what is known of their parameters, for hints
	calls    []pendingCall
	blocks   []*openBlock
	body     *[]stmt // where statements go now
	trim     bool    // the next text loses the white space at its start
	newline  bool    // the next text loses one newline at its start
}

type pendingCall struct {
	name string
	off  int
}

// openBlock is a statement whose end is still to come.
type openBlock struct {
	word string
	off  int
	end  func() // puts the finished statement into the body around it
	next func(word string, l *lexed) *perr
	prev *[]stmt
}

// maxErrors ends the reading of a file that is no template at all.
const maxErrors = 20

func (p *fileParser) fail(e *perr) {
	err := e.at(p.o)
	p.errs = append(p.errs, err)
}

func (p *fileParser) parse() {
	p.header()
	p.body = &p.code.parts
	for p.i < len(p.src) && len(p.errs) < maxErrors {
		j := nextTag(p.src, p.i)
		if j < 0 {
			p.text(p.src[p.i:], 0, false)
			break
		}
		mark := byte(0)
		if j+2 < len(p.src) && (p.src[j+2] == '-' || p.src[j+2] == '+') {
			mark = p.src[j+2]
		}
		p.text(p.src[p.i:j], mark, p.src[j+1] != '{')
		if !p.tag(j, mark) {
			break
		}
	}
	for n := len(p.blocks) - 1; n >= 0; n-- {
		b := p.blocks[n]
		p.fail(&perr{off: b.off, msg: fmt.Sprintf("no {%% end%s %%} ends the %s that begins here", b.word, b.word), hint: p.strayEnd(b)})
	}
	for _, c := range p.calls {
		if !p.declared[c.name] {
			p.fail(unknownFunction(c.name, c.off))
		}
	}
	p.code.header = p.opts
	p.code.plain = true
	var text strings.Builder
	for _, part := range p.code.parts {
		t, ok := part.(textStmt)
		p.code.plain = p.code.plain && ok
		text.WriteString(string(t))
	}
	if p.code.plain {
		p.code.text = text.String()
	}
}

// strayEnd is a hint with the line of an end that is no tag.
func (p *fileParser) strayEnd(b *openBlock) string {
	word := "end" + b.word
	for n, line := range strings.Split(p.src[b.off:], "\n") {
		i := strings.Index(line, word)
		if i < 0 || strings.HasSuffix(strings.TrimRight(line[:i], " -+"), "{%") {
			continue
		}
		return fmt.Sprintf("line %d has %s outside of {%% %%}", p.o.pos(b.off).Line+n, word)
	}
	return ""
}

// nextTag finds {{, {% or {#.
func nextTag(src string, from int) int {
	for {
		j := strings.IndexByte(src[from:], '{')
		if j < 0 || from+j+1 >= len(src) {
			return -1
		}
		from += j
		if c := src[from+1]; c == '{' || c == '%' || c == '#' {
			return from
		}
		from++
	}
}

// header reads the line "#jinja2: trim_blocks: False, lstrip_blocks: True".
func (p *fileParser) header() {
	const word = "#jinja2:"
	if !strings.HasPrefix(p.src, word) {
		return
	}
	line, _, _ := strings.Cut(p.src, "\n")
	p.i = min(len(line)+1, len(p.src))
	for _, part := range strings.Split(strings.TrimSuffix(line[len(word):], "\r"), ",") {
		key, val, ok := strings.Cut(part, ":")
		key = strings.TrimSpace(key)
		if key == "" && !ok {
			continue
		}
		if strings.HasSuffix(key, "_start_string") || strings.HasSuffix(key, "_end_string") {
			p.fail(&perr{msg: key + " cannot be changed", hint: "write {% raw %}…{% endraw %} around what another program reads"})
			continue
		}
		on, isBool := asBool(strings.TrimSpace(val))
		if !ok || !isBool {
			p.fail(&perr{msg: fmt.Sprintf("the option %s is neither True nor False", key)})
			continue
		}
		switch key {
		case "trim_blocks":
			p.opts.keepNewline = !on
		case "lstrip_blocks":
			p.opts.lstrip = on
		case "keep_trailing_newline":
		default:
			p.fail(&perr{msg: fmt.Sprintf("the option %s is unknown: trim_blocks, lstrip_blocks", key)})
		}
	}
}

// halfPrint is {{ x }} that lacks a brace at its start.
var halfPrint = regexp.MustCompile(`(?:^|[^{$#%"\w])(\{) ?[A-Za-z_][\w.]*(?: *\|[^{}\n]*)? ?\}\}(?:[^}]|$)`)

// text adds text that a tag with a mark follows.
func (p *fileParser) text(s string, mark byte, statement bool) {
	if m := halfPrint.FindStringSubmatchIndex(s); m != nil {
		p.fail(&perr{off: p.i + m[2], msg: "an expression begins with {{", hint: "write {{ in place of {, or {% raw %} around the text"})
	}
	lineStart := p.i == 0 || p.src[p.i-1] == '\n'
	if p.trim {
		s = strings.TrimLeft(s, " \t\r\n")
	} else if p.newline {
		if rest, ok := strings.CutPrefix(strings.TrimPrefix(s, "\r"), "\n"); ok {
			s, lineStart = rest, true
		}
	}
	p.trim, p.newline = false, false
	switch {
	case mark == '-':
		s = strings.TrimRight(s, " \t\r\n")
	case statement && p.opts.lstrip && mark != '+':
		line := s[strings.LastIndexByte(s, '\n')+1:]
		if strings.TrimLeft(line, " \t") == "" && (len(line) < len(s) || lineStart) {
			s = s[:len(s)-len(line)]
		}
	}
	if s != "" {
		*p.body = append(*p.body, textStmt(s))
	}
}

// after sets what the end of a tag does to the text behind it.
func (p *fileParser) after(l *lexed, statement bool) {
	p.i = l.after
	p.trim = l.trim == '-'
	p.newline = statement && !p.opts.keepNewline && l.trim != '+'
}

// tag reads the tag at j; false when nothing behind it can be read.
func (p *fileParser) tag(j int, mark byte) bool {
	start := j + 2
	if mark != 0 {
		start++
	}
	switch p.src[j+1] {
	case '#':
		end := strings.Index(p.src[j+2:], "#}")
		if end < 0 {
			p.fail(&perr{off: j, msg: `no "#}" ends the comment that begins here`})
			return false
		}
		inner := p.src[j+2 : j+2+end]
		l := &lexed{after: j + 2 + end + 2}
		if n := len(inner); n > 0 && (inner[n-1] == '-' || inner[n-1] == '+') && (n > 1 || mark == 0) {
			l.trim = inner[n-1]
		}
		p.after(l, true)
		return true
	case '{':
		if mark == '+' {
			start--
		}
		l, err := scan(p.src, start, endPrint)
		if err != nil {
			p.fail(err)
			return p.resync(start, "}}")
		}
		if n := p.expr(l, "{{ ", " }}"); n != nil {
			*p.body = append(*p.body, &printStmt{n})
		}
		p.after(l, false)
		return true
	}
	if word := tagWord(p.src, start); word == "raw" {
		w, body, after, err := rawBlock(p.src, j)
		if err == nil && w != word {
			err = &perr{off: j, msg: "a raw block is written {% raw %}…{% endraw %}"}
		}
		if err != nil {
			p.fail(err)
			return false
		}
		open := j + 2 + strings.Index(p.src[j+2:], "%}")
		close := open + 2 + len(body)
		if p.src[open-1] == '-' {
			body = strings.TrimLeft(body, " \t\r\n")
		}
		if p.src[close+2] == '-' {
			body = strings.TrimRight(body, " \t\r\n")
		}
		*p.body = append(*p.body, textStmt(body))
		p.after(&lexed{after: after, trim: endMark(p.src[after-3])}, true)
		return true
	}
	l, err := scan(p.src, start, endStmt)
	if err != nil {
		p.fail(err)
		return p.resync(start, "%}")
	}
	if err := p.statement(j, l); err != nil {
		p.fail(err)
	}
	p.after(l, true)
	return true
}

func endMark(c byte) byte {
	if c == '-' || c == '+' {
		return c
	}
	return 0
}

// resync goes on behind the next end of a tag after an error.
func (p *fileParser) resync(from int, end string) bool {
	k := strings.Index(p.src[from:], end)
	if k < 0 {
		return false
	}
	p.i = from + k + 2
	return end == "}}" // a lost statement would make its end look wrong
}

func tagWord(src string, i int) string {
	for i < len(src) && (src[i] == ' ' || src[i] == '\t' || src[i] == '\n' || src[i] == '\r') {
		i++
	}
	end := i
	for end < len(src) && (isLetter(src[end]) || isDigit(src[end])) {
		end++
	}
	return src[i:end]
}

// expr parses what scan has read; an error is noted and gives nil.
func (p *fileParser) expr(l *lexed, before, after string) node {
	n, err := parseLexed(p.src, l, dialect{file: true, macros: p.macros, calls: func(name string, off int) {
		p.calls = append(p.calls, pendingCall{name, off})
	}})
	if err != nil {
		p.fail(err.wrap(func(fixed string) string { return before + strings.TrimSpace(fixed) + after }))
		return nil
	}
	return n
}

// sub is a part of what was read: the tokens from i to j.
func (l *lexed) sub(i, j int) *lexed {
	if i >= j {
		off := l.end
		if i < len(l.toks) {
			off = l.toks[i].off
		}
		return &lexed{start: off, end: off, strs: l.strs}
	}
	from, to := l.toks[i].off, l.toks[j-1].end
	return &lexed{start: from, toks: l.toks[i:j], masked: l.masked[from-l.start : to-l.start], strs: l.strs, end: to, after: to}
}

// is tells whether the i-th token is that word or sign.
func (l *lexed) is(i int, text string) bool {
	return i >= 0 && i < len(l.toks) && l.toks[i].kind != tokString && l.toks[i].text == text
}

// find is the place of a word or sign outside of brackets, from i on; -1 when it is not there.
func (l *lexed) find(i int, text string) int {
	for ; i < len(l.toks); i++ {
		if l.toks[i].depth == l.toks[0].depth && l.is(i, text) {
			return i
		}
	}
	return -1
}

// part parses the tokens from i to j as an expression. What it notes as an
// error is replaced by null, so that the statement still has its shape.
func (p *fileParser) part(l *lexed, i, j int, word string) node {
	s := l.sub(i, j)
	if n := p.expr(s, "{% "+word+" ", " %}"); n != nil {
		return n
	}
	return &litNode{at: at(s.start)}
}
