package source

import (
	"regexp"
	"strings"
)

// Lost is what could not be read because of a mistake: what it may set or name
// is no second mistake where it is used.
type Lost struct {
	all   bool
	texts []string
	words map[string]bool
}

var (
	lostWord = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)
	bringsIn = regexp.MustCompile(`(?m)^[\s-]*(?:import_|include_|ansible\.builtin\.i|roles\s*:|vars_files\s*:|dependencies\s*:)`)
)

// Everything notes that nobody knows what was lost, such as a file that is not there.
func (l *Lost) Everything() { l.all = true }

// Text notes a text that could not be read. One that brings in other files may hold anything.
func (l *Lost) Text(s string) {
	l.all = l.all || bringsIn.MatchString(s)
	if l.words == nil {
		l.words = map[string]bool{}
	}
	l.texts = append(l.texts, s)
	for _, w := range lostWord.FindAllString(s, -1) {
		l.words[w] = true
	}
}

// Field notes a key of a map with all below it.
func (l *Lost) Field(f Field) {
	var b strings.Builder
	b.WriteString(f.Key + ":\n")
	writeLost(&b, f.Value)
	l.Text(b.String())
}

// Node notes a node with all below it.
func (l *Lost) Node(n *Node) {
	var b strings.Builder
	writeLost(&b, n)
	l.Text(b.String())
}

func writeLost(b *strings.Builder, n *Node) {
	if n == nil {
		return
	}
	b.WriteString(n.Raw + "\n")
	for _, i := range n.Items {
		writeLost(b, i)
	}
	for _, f := range n.Fields {
		b.WriteString(f.Key + ":\n")
		writeLost(b, f.Value)
	}
}

// All tells whether nobody knows what was lost.
func (l *Lost) All() bool { return l.all }

// Names tells whether the name of a variable stands in what was lost.
func (l *Lost) Names(name string) bool { return l.words[name] }

// Phrase tells whether a text, such as a handler's name, stands in what was lost.
func (l *Lost) Phrase(s string) bool {
	for _, t := range l.texts {
		if strings.Contains(t, s) {
			return true
		}
	}
	return false
}
